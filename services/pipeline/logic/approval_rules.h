#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "embudo/type/v1/approval.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/options.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// The life of an approval as rules on values, as lead_rules.h has it of a lead.

/// Fills a request for the criterion that the approval names: FAILED_PRECONDITION if the lead is closed or its stage
/// asks for no such approval.
absl::Status PrepareRequest(const Scene& scene, const type::v1::Lead& lead, type::v1::Approval& approval);

/// Decides a pending one, as a caller with these roles. PERMISSION_DENIED for callers without its role, or one above
/// it, and for the approval of one's own request, which only an administrator may give.
absl::Status Decide(const Scene& scene, const std::vector<type::v1::Role>& roles, const type::v1::Lead& lead,
                    type::v1::Approval::State decision, const std::string& note, type::v1::Approval& approval);

/// The criterion of the lead's stage that an approval is for; nullptr if there is none.
const type::v1::ExitCriterion* CriterionOf(const Catalog& catalog, const type::v1::Lead& lead, const std::string& key);

}  // namespace embudo::pipeline::logic
