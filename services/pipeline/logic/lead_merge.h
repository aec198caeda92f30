#pragma once

#include <vector>

#include "absl/status/status.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// The leads in the order of their advance: won before open before lost, opportunities before unqualified leads, then
/// by stage, probability, and age.
std::vector<const type::v1::Lead*> ByAdvance(const Catalog& catalog, std::vector<const type::v1::Lead*> leads);

/// FAILED_PRECONDITION if more than one is won, or opportunities of different pipelines.
absl::Status CheckMergeable(const std::vector<const type::v1::Lead*>& leads);

/// Makes the survivor as advanced as the most advanced of them: state, stage and probability with what belongs to them.
void TakeAdvance(const type::v1::Lead& most_advanced, type::v1::Lead& survivor);
/// Gives the survivor what the others have beyond it: of each field the first value that is set, in the order given;
/// descriptions joined, sets united, custom fields by key.
void TakeIn(const Scene& scene, const std::vector<const type::v1::Lead*>& others, type::v1::Lead& survivor);

}  // namespace embudo::pipeline::logic
