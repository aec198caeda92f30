#pragma once

#include "absl/status/status.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// Keeps the lead's amounts in the tenant's currency beside them: at the rate of the day of the write, or on which the
/// deal closed, or for imports began; what was not written again keeps its rate. INVALID_ARGUMENT that says which rate
/// is missing. `before` is nullptr for a new lead.
absl::Status ConvertAmounts(const Scene& scene, const type::v1::Lead* before, type::v1::Lead& lead);

}  // namespace embudo::pipeline::logic
