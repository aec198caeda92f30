#pragma once

#include "absl/status/status.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// Whether a lead may leave its stage forwards: OK, or FAILED_PRECONDITION, reason EXIT_CRITERIA_UNMET, with one
/// violation per unmet criterion and per required field that is not set.
absl::Status CheckLeaving(const Scene& scene, const type::v1::Lead& lead, const filter::Schema& schema);

/// Whether a lead may move to `to`, a stage of its pipeline: the criteria of all stages left forwards, and the
/// pipeline's own rules (no skipping, no going back). `override` passes the criteria, not the pipeline's rules.
absl::Status CheckMove(const Scene& scene, const type::v1::Lead& lead, const type::v1::Stage& to, bool override,
                       const filter::Schema& schema);

}  // namespace embudo::pipeline::logic
