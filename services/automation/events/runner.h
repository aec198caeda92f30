#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "services/automation/events/performer.h"
#include "services/automation/storage/runs.h"

namespace embudo::automation::events {

/// Takes up runs that are due and does them. Several threads, in as many processes as there are, share the work: a run
/// is held by one at a time, and comes free again when the lease of a lost one is over. What was done before that is
/// not done twice (Performer), and a failed run is due again after a back-off.
class Runner : public Background {
 public:
  struct Options {
    int threads = 16;
    /// Runs that a thread takes at once.
    int batch_size = 8;
    /// How long a run is held before another worker may take it.
    std::chrono::milliseconds lease{60000};
    /// The longest wait between two looks for due runs.
    std::chrono::milliseconds poll{500};
  };

  /// `pool` is of the automation_worker role, with a connection for each thread.
  Runner(Options options, db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock,
         metrics::Registry& metrics);
  ~Runner() override;

  void Start() override;
  /// Finishes the runs that have begun and hands the others back.
  void Stop() override;
  /// Runs are about to be committed.
  void Wake();

 private:
  void Work();
  /// Waits for due runs; none when stopping. One thread asks at a time.
  std::vector<storage::HeldRun> Take();
  absl::StatusOr<std::vector<storage::HeldRun>> TakeDue();
  /// Whether the run is to be saved; another worker may have taken it over.
  bool Perform(storage::HeldRun& held);
  void HandBack(storage::HeldRun& held);
  void Save(const std::vector<storage::HeldRun*>& runs);
  bool Stopping();
  /// Waits a little longer each time, until Wake makes it look often again.
  void Pause();

  const Options options_;
  db::Pool& pool_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  Performer performer_;

  std::mutex taking_;
  /// Under taking_.
  int64_t takes_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::chrono::milliseconds pause_{0};
  std::vector<std::thread> threads_;
};

}  // namespace embudo::automation::events
