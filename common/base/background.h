#pragma once

namespace embudo {

/// A part of a process that runs beside its RPCs (relay, consumer, worker). Start must not block; Stop waits until the
/// part has handed back what it holds, and may be called twice.
class Background {
 public:
  virtual ~Background() = default;
  virtual void Start() = 0;
  virtual void Stop() = 0;
};

}  // namespace embudo
