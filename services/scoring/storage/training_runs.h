#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/scoring/v1/training.pb.h"
#include "services/scoring/logic/trained.h"
#include "services/scoring/storage/jobs.h"

namespace embudo::scoring::storage {

absl::Status SaveRun(db::Connection& connection, const std::string& tenant, const v1::TrainingRun& run);
/// NOT_FOUND if there is none.
absl::StatusOr<v1::TrainingRun> GetRun(db::Connection& connection, const std::string& tenant, const std::string& id);
/// The newest first, from the one after `before` on (empty: from the start).
absl::StatusOr<std::vector<v1::TrainingRun>> ListRuns(db::Connection& connection, const std::string& tenant,
                                                      const std::string& before, int limit);

/// Makes a run that waits, and its job. If there is a run of that id, its job is returned.
absl::StatusOr<Job> MakeTraining(db::Connection& connection, const std::string& tenant, const std::string& id,
                                 v1::TrainingRun::Cause cause, Time now);

/// Keeps a run's models.
absl::Status SaveModels(db::Connection& connection, const std::string& tenant, const logic::Trained& trained);
/// The last run with models before that one; empty if there is none.
absl::StatusOr<std::string> RunBefore(db::Connection& connection, const std::string& tenant, const std::string& run);
absl::StatusOr<bool> HasModels(db::Connection& connection, const std::string& tenant, const std::string& run);
/// Makes a run's models serve.
absl::Status SetServing(db::Connection& connection, const std::string& tenant, const std::string& run);

absl::StatusOr<v1::ScoringSettings> GetSettings(db::Connection& connection, const std::string& tenant);
absl::Status SaveSettings(db::Connection& connection, const std::string& tenant, const v1::ScoringSettings& settings);

/// Counts what closed since the last training.
absl::Status CountClosings(db::Connection& connection, const std::string& tenant, int closings);
/// From now on is waited for the next training.
absl::Status BeginWait(db::Connection& connection, const std::string& tenant, Time now);
/// A tenant that does not serve naive Bayes and for which a training is due, and why.
struct Due {
  std::string tenant;
  v1::TrainingRun::Cause cause = v1::TrainingRun::CAUSE_UNSPECIFIED;
};
absl::StatusOr<std::vector<Due>> FindTrainingDue(db::Connection& connection, Time now);

/// The models that serve, kept in memory. One that is broken is told to `broken`, and the run before it serves.
/// Thread-safe.
class TrainedCache {
 public:
  explicit TrainedCache(std::function<void(const std::string& tenant, const std::string& run)> broken)
      : broken_(std::move(broken)) {}

  /// Of the tenant's serving run; nullptr if there is none that can be read.
  absl::StatusOr<std::shared_ptr<const logic::Trained>> Get(db::Connection& connection, const std::string& tenant,
                                                            const std::string& run);

 private:
  struct Entry {
    std::string run;
    std::shared_ptr<const logic::Trained> trained;
  };
  const std::function<void(const std::string&, const std::string&)> broken_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace embudo::scoring::storage
