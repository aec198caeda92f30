#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "common/rpc/service.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring {

/// The RPCs of ScoringService. Thread-safe.
class ScoringService {
 public:
  /// `pool` is of the scoring_rpc role. `marked` is called when leads were marked to be scored.
  ScoringService(db::Pool& pool, storage::TrainedCache& trained, rpc::Client& pipeline, const Clock& clock,
                 std::function<void()> marked);

  std::unique_ptr<rpc::Service> MakeService();

  absl::StatusOr<v1::Explanation> ExplainLead(const rpc::CallContext& call, const v1::ExplainLeadRequest& request);
  absl::StatusOr<v1::RebuildFrequenciesResponse> RebuildFrequencies(const rpc::CallContext& call);
  absl::StatusOr<v1::ListFrequenciesResponse> ListFrequencies(const rpc::CallContext& call,
                                                              const v1::ListFrequenciesRequest& request);
  absl::StatusOr<v1::RescoreLeadsResponse> RescoreLeads(const rpc::CallContext& call);
  absl::StatusOr<google::longrunning::Operation> StartRescoring(const rpc::CallContext& call,
                                                                const v1::StartRescoringRequest& request);
  absl::StatusOr<v1::ListPrioritiesResponse> ListPriorities(const rpc::CallContext& call,
                                                            const v1::ListPrioritiesRequest& request);
  absl::StatusOr<v1::ScoringProgress> GetScoringProgress(const rpc::CallContext& call);
  /// `next` gives the messages of the stream.
  absl::StatusOr<v1::Evaluation> Evaluate(const rpc::MessageReader& next);

 private:
  db::Pool& pool_;
  storage::TrainedCache& trained_;
  rpc::Client& pipeline_;
  const Clock& clock_;
  const std::function<void()> marked_;
  /// Held by the one evaluation that runs: it takes a core and the table's memory.
  std::mutex evaluating_;
};

}  // namespace embudo::scoring
