#include "services/pipeline/rpc/lead_change.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "services/pipeline/rpc/lead_place.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Effects;
using type::v1::Lead;

constexpr int kWriteAttempts = 20;

absl::Status CheckOverride(const CallContext& call, const std::string& reason) {
  const bool may = call.identity.Has(type::v1::ROLE_MANAGER) || call.identity.Has(type::v1::ROLE_ADMIN);
  if (reason.empty() || may) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "override_reason: only a manager may override")
      .Meta("roles", "manager, admin")
      .Field("override_reason", "only a manager may override");
}

/// A mutation by a rule of logic/lead_rules.h with the request's arguments. A lead that it brings to another stage
/// comes to the top there.
template <class Rule>
resource::Resource::Mutate ByRule(Records& records, const CallContext& call, const Planned& planned, Rule rule) {
  return [&records, &call, &planned, rule](Message& record, Effects& effects) -> absl::Status {
    auto& lead = static_cast<Lead&>(record);
    const std::string from = lead.stage();
    const auto body = [&](const logic::Scene& scene) -> absl::Status { return rule(scene, lead); };
    const bool leaves = effects.event == type::v1::EVENT_TYPE_LEAD_WON;
    EMBUDO_RETURN_IF_ERROR(leaves ? records.WithSceneOf(call, lead, &effects, body) : records.WithScene(call, body));
    return lead.stage() == from ? absl::OkStatus() : PlaceOnTop(records, call, planned, lead);
  };
}

}  // namespace

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext&, const v1::UpdateLeadRequest& request,
                                    const Planned&) {
  EMBUDO_ASSIGN_OR_RETURN(auto mutate, records.leads().UpdateOf(request));
  return LeadChange{request.lead().name(), request.lead().etag(), type::v1::EVENT_TYPE_LEAD_UPDATED, std::move(mutate)};
}

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext& call, const v1::DeleteLeadRequest& request,
                                    const Planned&) {
  return LeadChange{request.name(), request.etag(), type::v1::EVENT_TYPE_LEAD_DELETED, records.leads().DeleteOf(call)};
}

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext& call, const v1::MoveLeadRequest& request,
                                    const Planned& planned) {
  EMBUDO_RETURN_IF_ERROR(CheckOverride(call, request.override_reason()));
  if (!request.after().empty() && !request.before().empty()) {
    return InvalidField("before", "can't be given together with after");
  }
  const bool placed = !request.after().empty() || !request.before().empty();
  return LeadChange{request.name(), request.etag(), type::v1::EVENT_TYPE_LEAD_STAGE_CHANGED,
                    [&records, &call, &request, &planned, placed](Message& record, Effects& effects) -> absl::Status {
                      auto& lead = static_cast<Lead&>(record);
                      const std::string from = lead.stage();
                      EMBUDO_RETURN_IF_ERROR(records.WithSceneOf(call, lead, &effects, [&](const logic::Scene& scene) {
                        return logic::Move(scene, request.stage(), request.override_reason(), records.leads().schema(),
                                           lead);
                      }));
                      if (lead.stage() == from) effects.event = type::v1::EVENT_TYPE_LEAD_UPDATED;
                      if (placed) return PlaceBeside(records, call, request, planned, lead, &effects.also);
                      return lead.stage() == from ? absl::OkStatus() : PlaceOnTop(records, call, planned, lead);
                    }};
}

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext& call, const v1::WinLeadRequest& request,
                                    const Planned& planned) {
  EMBUDO_RETURN_IF_ERROR(CheckOverride(call, request.override_reason()));
  return LeadChange{request.name(), request.etag(), type::v1::EVENT_TYPE_LEAD_WON,
                    ByRule(records, call, planned, [&records, &request](const logic::Scene& scene, Lead& lead) {
                      return logic::Win(scene, request.has_revenue() ? &request.revenue() : nullptr,
                                        request.override_reason(), records.leads().schema(), lead);
                    })};
}

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext& call, const v1::LoseLeadRequest& request,
                                    const Planned& planned) {
  return LeadChange{request.name(), request.etag(), type::v1::EVENT_TYPE_LEAD_LOST,
                    ByRule(records, call, planned, [&request](const logic::Scene& scene, Lead& lead) {
                      return logic::Lose(scene, request.lost_reason(), request.lost_note(), lead);
                    })};
}

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext& call, const v1::RestoreLeadRequest& request,
                                    const Planned& planned) {
  return LeadChange{request.name(), request.etag(), type::v1::EVENT_TYPE_LEAD_RESTORED,
                    ByRule(records, call, planned,
                           [](const logic::Scene& scene, Lead& lead) { return logic::Restore(scene, lead); })};
}

absl::StatusOr<LeadChange> ChangeBy(Records& records, const CallContext& call, const v1::AssignLeadRequest& request,
                                    const Planned& planned) {
  return LeadChange{request.name(), request.etag(), type::v1::EVENT_TYPE_LEAD_ASSIGNED,
                    ByRule(records, call, planned, [&request](const logic::Scene& scene, Lead& lead) -> absl::Status {
                      if (request.only_if_unowned() && !lead.owner().empty()) return absl::OkStatus();
                      return logic::Assign(scene, request.owner(), request.team(), request.unassign(), lead);
                    })};
}

absl::Status ChangeTogether(Records& records, const CallContext& call, const Message& request, Message& response,
                            const std::function<absl::StatusOr<Together>()>& plan) {
  const auto* flag = request.GetDescriptor()->FindFieldByName("validate_only");
  const bool validate_only = request.GetReflection()->GetBool(request, flag);
  const auto attempt = [&]() -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(Together planned, plan());
    if (validate_only) return absl::OkStatus();
    resource::Change kept;
    kept.table = &records.leads().table();
    kept.time = records.clock().Now();
    resource::Change& first = planned.changes.empty() ? kept : planned.changes.front();
    records.leads().FillRequest(call, request, &first);
    std::shared_ptr<Message> answer(response.New());
    answer->CopyFrom(response);
    first.answer = std::move(answer);
    if (planned.changes.empty()) {
      if (first.request_id.empty()) return absl::OkStatus();
      EMBUDO_ASSIGN_OR_RETURN(const bool found,
                              records.writer().FindAnswer(call.tenant(), first, &response, call.deadline));
      return found ? absl::OkStatus() : records.writer().KeepAnswer(call.tenant(), first, call.deadline);
    }
    const auto statements = [&](db::Connection& connection) -> absl::Status {
      for (const auto& statement : planned.statements) {
        if (statement) EMBUDO_RETURN_IF_ERROR(statement(connection));
      }
      return absl::OkStatus();
    };
    return records.writer().WriteTogether(call.tenant(), planned.changes, call.deadline, statements, &response);
  };
  absl::Status status;
  for (int i = 0; i < kWriteAttempts; ++i) {
    response.Clear();
    status = attempt();
    if (ReasonOf(status) != "VERSION_CHANGED") break;
  }
  return status.ok() ? status : records.leads().FirstAnswerOr(call, request, status, response);
}

}  // namespace embudo::pipeline::rpc
