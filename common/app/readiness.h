#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace embudo::app {

/// Asks once a second whether the service can do its work, and tells when the answer changes. Ready at the first OK;
/// not ready only after three failures in a row, so that one slow answer takes no server out of service.
class Readiness {
 public:
  using Check = std::function<absl::Status()>;
  using Listener = std::function<void(const absl::Status&)>;

  Readiness(Check check, Listener listener, std::chrono::milliseconds interval = std::chrono::seconds(1));
  ~Readiness();

 private:
  void Poll();
  void Take(const absl::Status& status);

  const Check check_;
  const Listener listener_;
  const std::chrono::milliseconds interval_;
  bool ready_ = false;
  bool told_ = false;
  int failures_ = 0;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace embudo::app
