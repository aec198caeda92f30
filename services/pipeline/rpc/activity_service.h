#pragma once

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Handlers of ActivityService that have a file of their own.
absl::StatusOr<v1::LaunchActivityPlanResponse> LaunchActivityPlan(Records& records,
                                                                  const embudo::rpc::CallContext& call,
                                                                  const v1::LaunchActivityPlanRequest& request);
absl::StatusOr<v1::GetAgendaResponse> GetAgenda(Records& records, const embudo::rpc::CallContext& call,
                                                const v1::GetAgendaRequest& request);

}  // namespace embudo::pipeline::rpc
