#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/service.h"
#include "embudo/scoring/v1/training_service.pb.h"
#include "google/longrunning/operations.pb.h"

namespace embudo::scoring {

/// The RPCs of TrainingService. Thread-safe.
class TrainingService {
 public:
  /// `pool` is of the scoring_rpc role. `marked` is called when leads were marked to be scored.
  TrainingService(db::Pool& pool, const Clock& clock, std::function<void()> marked);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::StatusOr<google::longrunning::Operation> StartTraining(const rpc::CallContext& call,
                                                               const v1::StartTrainingRequest& request);
  absl::StatusOr<v1::TrainingRun> GetTrainingRun(const rpc::CallContext& call, const std::string& name);
  absl::StatusOr<v1::ListTrainingRunsResponse> ListTrainingRuns(const rpc::CallContext& call,
                                                                const v1::ListTrainingRunsRequest& request);
  absl::StatusOr<v1::TrainingRun> RollbackModel(const rpc::CallContext& call, const v1::RollbackModelRequest& request);
  absl::StatusOr<v1::ScoringSettings> GetSettings(const rpc::CallContext& call, const std::string& name);
  absl::StatusOr<v1::ScoringSettings> UpdateSettings(const rpc::CallContext& call,
                                                     const v1::UpdateScoringSettingsRequest& request);

  db::Pool& pool_;
  const Clock& clock_;
  const std::function<void()> marked_;
};

}  // namespace embudo::scoring
