#pragma once

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/service.h"
#include "embudo/reporting/v1/reporting_service.pb.h"

namespace embudo::reporting {

/// Name of the consumer that keeps what reports are made of.
inline constexpr char kConsumer[] = "reporting";

/// The RPCs of ReportingService. Thread-safe.
class ReportingService {
 public:
  /// `pool` is of the rpc role, which sees the caller's tenant alone; `worker_pool` of the worker role, which knows how
  /// far the log has been read. Both outlive this.
  ReportingService(db::Pool& pool, db::Pool& worker_pool, const Clock& clock);

  void Bind(embudo::rpc::Service& service);

  absl::StatusOr<v1::AnalyzePipelineResponse> AnalyzePipeline(const embudo::rpc::CallContext& call,
                                                              const v1::AnalyzePipelineRequest& request);
  absl::StatusOr<v1::AnalyzeWinLossResponse> AnalyzeWinLoss(const embudo::rpc::CallContext& call,
                                                            const v1::AnalyzeWinLossRequest& request);
  absl::StatusOr<v1::GetKeyFiguresResponse> GetKeyFigures(const embudo::rpc::CallContext& call,
                                                          const v1::GetKeyFiguresRequest& request);

 private:
  absl::StatusOr<v1::Freshness> GetFreshness(const embudo::rpc::CallContext& call);

  db::Pool& pool_;
  db::Pool& worker_pool_;
  const Clock& clock_;
};

}  // namespace embudo::reporting
