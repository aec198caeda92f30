#pragma once

#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/rpc/room.h"

namespace embudo::reporting {

/// The reports, as functions that the RPCs, exports and dashboards share.

absl::StatusOr<v1::AnalyzePipelineResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                       const v1::AnalyzePipelineRequest& request);
absl::StatusOr<v1::AnalyzeLeadsResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                    const v1::AnalyzeLeadsRequest& request);
absl::StatusOr<v1::AnalyzeActivitiesResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                         const v1::AnalyzeActivitiesRequest& request);
absl::StatusOr<v1::AnalyzeWinLossResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                      const v1::AnalyzeWinLossRequest& request);
absl::StatusOr<v1::AnalyzeFunnelResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                     const v1::AnalyzeFunnelRequest& request);
absl::StatusOr<v1::GetForecastResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                   const v1::GetForecastRequest& request);
absl::StatusOr<v1::GetKeyFiguresResponse> MakeReport(const Room& room, const rpc::CallContext& call,
                                                     const v1::GetKeyFiguresRequest& request);

}  // namespace embudo::reporting
