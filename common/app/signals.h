#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace embudo::app {

/// SIGTERM and SIGINT as something to wait for. Made before any other thread is, since it blocks the signals in all
/// threads that are made after it. The first signal ends Wait; a second one ends the process at once.
class Signals {
 public:
  Signals();
  ~Signals();
  /// Returns when the first signal has come.
  void Wait();

 private:
  void Watch();

  std::mutex mutex_;
  std::condition_variable came_;
  bool stop_ = false;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace embudo::app
