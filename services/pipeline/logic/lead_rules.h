#pragma once

#include <compare>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "common/filter/schema.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/options.pb.h"
#include "google/type/money.pb.h"
#include "services/pipeline/logic/catalog.h"

namespace embudo::pipeline::logic {

/// What exit criteria ask for that stands beside the lead.
struct StageFacts {
  struct Approval {
    std::string stage;
    std::string criterion;
    type::v1::Role role = type::v1::ROLE_UNSPECIFIED;
    auto operator<=>(const Approval&) const = default;
  };
  /// The types of activities done since the lead entered its stage.
  std::set<std::string> done_types;
  /// The content types of its attachments.
  std::set<std::string> documents;
  /// The approvals given since it entered its stage.
  std::set<Approval> approvals;

  bool operator==(const StageFacts&) const = default;
};

/// What the rules need to know beside the lead.
struct Scene {
  const Catalog& catalog;
  Time now;
  /// Who acts; a person's doing counts as touch and outranks rules and scores.
  std::string actor;
  type::v1::Origin origin = type::v1::ORIGIN_API;
  /// Of the lead whose stage is left.
  StageFacts facts = {};
  /// For exit criteria that ask for fields of other records (`team.display_name = "South"`).
  filter::Resolver resolver = {};

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

/// Moves an open opportunity, if the exit criteria of the stages that it leaves forwards are met, for which the scene
/// needs its facts. `override_reason` passes unmet ones (the caller has checked the role). What was not met, and why it
/// passed, is recorded in unmet_criteria and override_reason, which every later move writes anew.
absl::Status Move(const Scene& scene, const std::string& stage, const std::string& override_reason,
                  const filter::Schema& schema, type::v1::Lead& lead);
/// Wins it: the exit criteria of its stage alone, as Move has them. `revenue`, unless nullptr, is what it brought.
absl::Status Win(const Scene& scene, const google::type::Money* revenue, const std::string& override_reason,
                 const filter::Schema& schema, type::v1::Lead& lead);
/// Wins it by a confirmed order: unmet criteria are recorded and stop nothing. One that is won stays as it is.
absl::Status WinByOrder(const Scene& scene, const google::type::Money* revenue, const filter::Schema& schema,
                        type::v1::Lead& lead);
absl::Status Lose(const Scene& scene, const std::string& lost_reason, const std::string& lost_note,
                  type::v1::Lead& lead);
absl::Status Restore(const Scene& scene, type::v1::Lead& lead);
/// Makes an unqualified lead an opportunity, in `stage` or else the first stage of its team's pipeline; empty owner and
/// team: they stay.
absl::Status Convert(const Scene& scene, const std::string& stage, const std::string& owner, const std::string& team,
                     type::v1::Lead& lead);
/// Empty owner and team: nothing changes. `unassign` takes the owner away.
absl::Status Assign(const Scene& scene, const std::string& owner, const std::string& team, bool unassign,
                    type::v1::Lead& lead);
/// Makes the lead what an import says it was: state, stage and dates as given, closed deals consistent. Unmet criteria
/// of the stage that it leaves, that of `before` if it is not new, are recorded and stop nothing.
absl::Status SettleImported(const Scene& scene, const filter::Schema& schema, const type::v1::Lead* before,
                            type::v1::Lead& lead);

}  // namespace embudo::pipeline::logic
