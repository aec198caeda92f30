#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/background.h"
#include "services/capture/events/intake.h"

namespace embudo::capture::events {

/// Takes up again what was kept, and broke off before it had an outcome: a process was killed, or the pipeline service
/// was away, and nobody came a second time.
class Sweeper : public Background {
 public:
  struct Options {
    /// Younger ones may be worked on still.
    std::chrono::milliseconds age{60000};
    std::chrono::milliseconds every{5000};
  };
  /// `submissions` and `intake` are of the worker's role.
  Sweeper(storage::SubmissionStore& submissions, Intake& intake, const Clock& clock, Options options)
      : submissions_(submissions), intake_(intake), clock_(clock), options_(options) {}
  ~Sweeper() override;

  void Start() override;
  void Stop() override;

 private:
  void Run();
  /// Goes over all of them once.
  absl::Status Sweep();
  bool Stopping();

  storage::SubmissionStore& submissions_;
  Intake& intake_;
  const Clock& clock_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::capture::events
