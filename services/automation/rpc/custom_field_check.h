#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/rpc/call_context.h"
#include "common/rpc/client.h"
#include "services/automation/logic/custom_fields.h"

namespace embudo::automation {

/// INVALID_ARGUMENT with the path of each use whose key the tenant has no custom field for. Asks the pipeline, unless
/// there are no uses.
absl::Status CheckCustomFields(rpc::Client& pipeline, const rpc::CallContext& call,
                               const std::vector<logic::CustomFieldUse>& uses);

}  // namespace embudo::automation
