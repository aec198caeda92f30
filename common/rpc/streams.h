#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace embudo::rpc {

/// A stream that can be told that the server is about to stop.
class Drainable {
 public:
  virtual ~Drainable() = default;
  virtual void Drain() = 0;
  virtual const std::string& tenant() const = 0;
  /// Ends it with a status.
  virtual void End(const absl::Status& why) = 0;
};

/// The running streams of a server. Thread-safe.
class Streams {
 public:
  /// Tells `stream` to drain when Drain is called, or at once if it already was.
  void Add(const std::shared_ptr<Drainable>& stream);
  void Drain();
  /// Ends those of a tenant.
  void End(const std::string& tenant, const absl::Status& why);

 private:
  std::mutex mutex_;
  bool draining_ = false;
  std::vector<std::weak_ptr<Drainable>> streams_;
  size_t sweep_at_ = 64;
};

}  // namespace embudo::rpc
