#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "services/scoring/logic/training.h"
#include "services/scoring/storage/jobs.h"

namespace embudo::scoring::events {

/// Does the work that takes long: trains models, one at a time, and follows rescorings to their end. A job that a crash
/// leaves behind is taken up again when its lease is over. It also starts the trainings that are due.
class Jobs : public Background {
 public:
  /// `pool` is of the scoring_worker role. `marked` is called when leads were marked to be scored.
  Jobs(db::Pool& pool, const Clock& clock, metrics::Registry& metrics, std::function<void()> marked);
  ~Jobs() override;

  void Start() override;
  /// Finishes the step.
  void Stop() override;

 private:
  void Run();
  absl::Status StartDue();
  /// Whether there was something to do.
  absl::StatusOr<bool> Work();
  absl::Status Follow(storage::Job& job);
  absl::Status TrainModels(storage::Job& job);
  /// The leads that have closed, in the order in which they did, as they looked before.
  absl::StatusOr<std::vector<logic::TrainingRow>> Gather(storage::Job& job, v1::TrainingRun& run);
  absl::Status Keep(const storage::Job& job, const v1::TrainingRun& run, const logic::Trained& trained);
  absl::Status End(storage::Job& job, std::string state, const absl::Status& why);
  /// Tells how far it is; whether it is to stop.
  bool Told(const storage::Job& job);
  void Measure(const std::string& tenant, const v1::TrainingRun& run);
  bool Stopping();

  db::Pool& pool_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  const std::function<void()> marked_;
  std::chrono::steady_clock::time_point next_due_look_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::scoring::events
