#pragma once

#include <string>

#include "absl/status/status.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/pipeline.pb.h"
#include "services/pipeline/logic/catalog.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// What lets a lead leave a stage whose required criteria are not all met.
struct Passage {
  /// A manager's reason. Recorded where it was needed.
  std::string override_reason;
  /// An import or an order tells what has happened: nothing stops it.
  bool always = false;
};

/// Leaves the lead's stage forwards: FAILED_PRECONDITION, reason EXIT_CRITERIA_UNMET, with one violation for each unmet
/// required criterion and each required field that is not set; else records in the lead what was not met, the advisory
/// criteria too, and why it passed.
absl::Status LeaveStage(const Scene& scene, const Passage& passage, const filter::Schema& schema, type::v1::Lead& lead);

/// Leaves it for `to`, a stage of its pipeline: the criteria of all stages left forwards, and the pipeline's own rules
/// (no skipping, no going back), which nothing passes. Backwards there are no criteria.
absl::Status LeaveFor(const Scene& scene, const type::v1::Stage& to, const Passage& passage,
                      const filter::Schema& schema, type::v1::Lead& lead);

/// Whether a stage asks for what StageFacts tell.
bool NeedsFacts(const type::v1::Stage& stage);

/// Checks a stage as it is saved: its criteria, required fields and days. Errors name fields of `stage`.
absl::Status CheckStage(const Catalog& catalog, const filter::Schema& schema, const type::v1::Stage& stage);

/// Whether a content type is one that a document criterion asks for: `application/pdf`, `image/*`, or `*` for any.
bool MatchesContentType(const std::string& pattern, const std::string& content_type);

}  // namespace embudo::pipeline::logic
