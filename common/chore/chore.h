#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/base/background.h"

namespace embudo {

/// Work that is done again and again, on a thread of its own: once at the start, and then with a pause after each time.
/// Why it failed is logged; it is tried again, after a second if the pause is longer. What derives from it and
/// holds what the work uses stops it in its destructor.
class Chore : public Background {
 public:
  Chore(std::string name, std::chrono::milliseconds pause, std::function<absl::Status()> work);
  ~Chore() override;

  void Start() override;
  /// Waits until the work under way is done.
  void Stop() override;

 private:
  const std::string name_;
  const std::chrono::milliseconds pause_;
  const std::function<absl::Status()> work_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo
