#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "embudo/automation/v1/run.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::automation::logic {

/// What a rule sends to a webhook: a CloudEvent (https://cloudevents.io, JSON) of type `rule.fired`, whose data are the
/// lead, the rule, the run, and the event that set it off.
absl::StatusOr<std::string> WebhookPayload(const std::string& tenant, const v1::Run& run, const Uuid& id,
                                           const type::v1::Lead& lead, Time now);

}  // namespace embudo::automation::logic
