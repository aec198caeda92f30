#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/automation/v1/run.pb.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"

namespace embudo::automation::logic {

/// What an action asks of the pipeline. The request of one action of one run is always the same, with the same
/// request_id, so that the pipeline does it once however often it is sent.

/// UUIDv5 of tenant, rule, version, event and action (ActionResult.action).
Uuid RequestIdOf(std::string_view tenant, const v1::Run& run, std::string_view action);

pipeline::v1::AssignLeadRequest AssignRequest(const v1::Run& run, const v1::Action::Assign& action,
                                              const v1::Assignment& assignment, const Uuid& request_id);
/// Due `due_in_days` after the day of the event.
pipeline::v1::CreateActivityRequest ActivityRequest(const v1::Run& run, const v1::Action::CreateActivity& action,
                                                    const Uuid& request_id);
pipeline::v1::UpdateLeadRequest PriorityRequest(const v1::Run& run, int priority, const Uuid& request_id);
/// All tags that `lead` has and those of the action, unless it has changed meanwhile.
pipeline::v1::UpdateLeadRequest TagsRequest(const type::v1::Lead& lead, const v1::Action::AddTags& action,
                                            const Uuid& request_id);
pipeline::v1::MoveLeadRequest MoveRequest(const v1::Run& run, const v1::Action::MoveStage& action,
                                          const Uuid& request_id);
/// INVALID_ARGUMENT as CheckUpdate.
absl::StatusOr<pipeline::v1::UpdateLeadRequest> UpdateRequest(const v1::Run& run,
                                                              const v1::Action::UpdateFields& action,
                                                              const Uuid& request_id);

/// INVALID_ARGUMENT for a field that leads do not have or an update can't change, and for a value that it can't take;
/// `path` is that of the map in the request.
absl::Status CheckUpdate(const v1::Action::UpdateFields& action, const std::string& path);

}  // namespace embudo::automation::logic
