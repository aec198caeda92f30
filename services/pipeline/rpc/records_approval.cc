// Rules of approvals.

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "services/pipeline/logic/approval_rules.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

// The pending one of a criterion, or the one that is given since the lead entered the stage.
constexpr char kStanding[] =
    "SELECT approval_id, state FROM pipeline.approval"
    " WHERE tenant_id = $1 AND lead_id = $2::uuid AND stage_id = $3 AND criterion = $4 AND delete_time IS NULL"
    " AND (state = 'PENDING' OR state = 'APPROVED' AND role = $5 AND decide_time >= $6) LIMIT 1";

std::string LastId(const std::string& name) { return name.substr(name.rfind('/') + 1); }

absl::Status CheckNoneStands(db::Pool& pool, const CallContext& call, const Lead& lead, const Approval& approval) {
  const std::string role = resource::ShortName(Role_descriptor()->FindValueByNumber(approval.role()));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, call.tenant(), call.deadline, kStanding,
                                   db::Params::Of(call.tenant(), LastId(lead.name()), LastId(lead.stage()),
                                                  approval.criterion(), role, FromTimestamp(lead.stage_enter_time()))));
  if (rows.empty()) return absl::OkStatus();
  const std::string name = lead.name() + "/approvals/" + std::string(rows[0].Text(0));
  const bool pending = rows[0].Text(1) == "PENDING";
  return Error(absl::StatusCode::kFailedPrecondition, pending ? "APPROVAL_PENDING" : "APPROVAL_GIVEN",
               name + (pending ? " waits for a decision" : " gives it already"))
      .Meta("approval", name)
      .Violation("APPROVAL", lead.stage() + "#" + approval.criterion(), pending ? "is asked for" : "is given");
}

}  // namespace

Rules Records::ApprovalRules() {
  Rules rules = UnderLead(EVENT_TYPE_APPROVAL_REQUESTED, EVENT_TYPE_UNSPECIFIED, EVENT_TYPE_UNSPECIFIED);
  rules.default_order = "create_time desc";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    if (before != nullptr) return absl::OkStatus();
    auto& approval = static_cast<Approval&>(after);
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, leads_.Load(call, LeadOf(approval.name())));
    const auto& lead = static_cast<const Lead&>(*record.message);
    EMBUDO_RETURN_IF_ERROR(CheckMayEdit(call, lead));
    // The name of a merged lead is that of the lead that took it in.
    approval.set_name(lead.name() + "/approvals/" + LastId(approval.name()));
    EMBUDO_RETURN_IF_ERROR(
        WithScene(call, [&](const logic::Scene& scene) { return logic::PrepareRequest(scene, lead, approval); }));
    return CheckNoneStands(pool_, call, lead, approval);
  };
  rules.effects = [this](const CallContext& call, const Message& after, const Message* before,
                         resource::Effects& effects) -> absl::Status {
    const auto& approval = static_cast<const Approval&>(after);
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, leads_.Load(call, LeadOf(approval.name()), true));
    const auto& lead = static_cast<const Lead&>(*record.message);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    const ExitCriterion* criterion = logic::CriterionOf(*catalog, lead, approval.criterion());
    const std::string what = criterion == nullptr ? approval.criterion() : criterion->display_name();
    std::set<std::string> users;
    std::string text;
    if (before == nullptr) {
      for (const auto& [name, user] : catalog->users) {
        const auto& roles = user.roles();
        if (std::find(roles.begin(), roles.end(), approval.role()) != roles.end()) users.insert(name);
      }
      text = "Your approval is wanted: " + what + ", " + lead.display_name();
    } else {
      users.insert(approval.requester());
      text = (approval.state() == Approval::STATE_APPROVED ? "Approved: " : "Refused: ") + what + ", " +
             lead.display_name();
    }
    return Notify(call, users, Notification::KIND_APPROVAL, lead.name(), approval.name(), text, &effects.also);
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
