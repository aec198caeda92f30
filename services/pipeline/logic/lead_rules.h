#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/filter/schema.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/type/money.pb.h"
#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::logic {

/// What the rules need to know beside the lead.
struct Scene {
  const Catalog& catalog;
  Time now;
  /// Who acts; a person's doing counts as touch and outranks rules and scores.
  std::string actor;
  type::v1::Origin origin = type::v1::ORIGIN_API;

  bool IsPerson() const { return actor.starts_with("users/"); }
};

/// The life of a lead as rules on values. Each function changes the lead or says why it can't; none does I/O. Errors
/// name fields as the requests have them (`lead.email`), and preconditions as violations.

/// Fills what a new lead leaves open (kind, pipeline and stage, times, currency) and checks it.
absl::Status PrepareNew(const Scene& scene, type::v1::Lead& lead);
/// Keeps the invariants over an update of fields: normalised values, priority and probability with their sources.
absl::Status PrepareChanged(const Scene& scene, const type::v1::Lead& before, type::v1::Lead& lead);

/// Fills what the lead leaves open with what is known of a person or a company that it was linked to.
void FillFromContact(const type::v1::Contact& contact, type::v1::Lead& lead);

/// Moves an open opportunity. `override_reason` passes unmet criteria (the caller has checked the role).
absl::Status Move(const Scene& scene, const std::string& stage, const std::string& override_reason,
                  const filter::Schema& schema, type::v1::Lead& lead);
absl::Status Win(const Scene& scene, const google::type::Money* revenue, const std::string& override_reason,
                 const filter::Schema& schema, type::v1::Lead& lead);
absl::Status Lose(const Scene& scene, const std::string& lost_reason, const std::string& lost_note,
                  type::v1::Lead& lead);
absl::Status Restore(const Scene& scene, type::v1::Lead& lead);
/// Empty owner and team: nothing changes. `unassign` takes the owner away.
absl::Status Assign(const Scene& scene, const std::string& owner, const std::string& team, bool unassign,
                    type::v1::Lead& lead);
/// Makes the lead what an import says it was: state, stage and dates as given, closed deals consistent.
absl::Status SettleImported(const Scene& scene, type::v1::Lead& lead);

}  // namespace embudo::pipeline::logic
