#pragma once

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/call_context.h"
#include "common/rpc/client.h"
#include "embudo/automation/v1/rule_service.pb.h"

namespace embudo::automation {

/// What the rule would have done, by the events that the log still has or by the leads that are there. Ends early,
/// `incomplete`, well before the call's deadline.
absl::StatusOr<v1::DryRunRuleResponse> DryRunRule(const embudo::rpc::CallContext& call,
                                                  const v1::DryRunRuleRequest& request, const v1::Rule& rule,
                                                  db::Pool& pool, embudo::rpc::Client& pipeline, const Clock& clock);

}  // namespace embudo::automation
