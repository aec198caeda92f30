#include "services/pipeline/logic/approval_rules.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/resource/table.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Approval;
using type::v1::ExitCriterion;
using type::v1::Lead;
using type::v1::Role;

bool Has(const std::vector<Role>& roles, Role role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

/// An administrator stands above all people, a manager above representatives.
bool MayDecide(const std::vector<Role>& roles, Role wanted) {
  if (Has(roles, wanted)) return true;
  if (wanted == type::v1::ROLE_SERVICE) return false;
  return Has(roles, type::v1::ROLE_ADMIN) || (wanted == type::v1::ROLE_REP && Has(roles, type::v1::ROLE_MANAGER));
}

absl::Status Refused(const std::string& reason, const std::string& subject, const std::string& text) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, subject + " " + text)
      .Meta("subject", subject)
      .Violation(reason, subject, text);
}

absl::Status CheckCaller(const Scene& scene, const std::vector<Role>& roles, const Approval& approval,
                         Approval::State decision) {
  if (!MayDecide(roles, approval.role())) {
    const std::string role = resource::ShortName(type::v1::Role_descriptor()->FindValueByNumber(approval.role()));
    return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                 approval.name() + " is decided by the role " + role)
        .Meta("roles", role);
  }
  const bool own = decision == Approval::STATE_APPROVED && scene.actor == approval.requester();
  if (!own || Has(roles, type::v1::ROLE_ADMIN)) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "OWN_REQUEST",
               approval.name() + " was requested by " + scene.actor + ", who can't give it")
      .Meta("requester", scene.actor);
}

}  // namespace

const ExitCriterion* CriterionOf(const Catalog& catalog, const Lead& lead, const std::string& key) {
  const type::v1::Stage* stage = catalog.FindStage(lead.stage());
  if (stage == nullptr) return nullptr;
  for (const ExitCriterion& criterion : stage->exit_criteria()) {
    if (criterion.key() == key && criterion.check_case() == ExitCriterion::kApprovalRole) return &criterion;
  }
  return nullptr;
}

absl::Status PrepareRequest(const Scene& scene, const Lead& lead, Approval& approval) {
  if (lead.state() != Lead::STATE_OPEN) return Refused("LEAD_NOT_OPEN", lead.name(), "is closed");
  const ExitCriterion* criterion = CriterionOf(scene.catalog, lead, approval.criterion());
  if (criterion == nullptr) {
    return Refused("NO_APPROVAL_CRITERION", lead.stage().empty() ? lead.name() : lead.stage(),
                   "asks for no approval \"" + approval.criterion() + "\"");
  }
  approval.set_stage(lead.stage());
  approval.set_role(criterion->approval_role());
  approval.set_state(Approval::STATE_PENDING);
  approval.set_requester(scene.actor);
  return absl::OkStatus();
}

absl::Status Decide(const Scene& scene, const std::vector<Role>& roles, const Lead& lead, Approval::State decision,
                    const std::string& note, Approval& approval) {
  EMBUDO_RETURN_IF_ERROR(CheckCaller(scene, roles, approval, decision));
  if (approval.state() != Approval::STATE_PENDING) {
    const bool given = approval.state() == Approval::STATE_APPROVED;
    return Refused("APPROVAL_NOT_PENDING", approval.name(), given ? "is given already" : "is refused already");
  }
  if (lead.state() != Lead::STATE_OPEN || lead.stage() != approval.stage()) {
    return Refused("LEAD_LEFT_STAGE", lead.name(), "has left " + approval.stage());
  }
  approval.set_state(decision);
  approval.set_decider(scene.actor);
  approval.set_decision_note(note);
  *approval.mutable_decide_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::logic
