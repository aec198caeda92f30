#include "services/automation/events/performer.h"

#include <chrono>
#include <string>

#include "common/base/error.h"
#include "services/automation/logic/attempts.h"
#include "services/automation/logic/requests.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation::events {
namespace {

using storage::HeldRun;
using type::v1::Lead;
using v1::Action;
using v1::ActionResult;

constexpr std::chrono::seconds kCallTimeout{5};
constexpr std::chrono::seconds kDecideTimeout{5};

constexpr char kGetLead[] = "embudo.pipeline.v1.LeadService/GetLead";
constexpr char kUpdateLead[] = "embudo.pipeline.v1.LeadService/UpdateLead";
constexpr char kAssignLead[] = "embudo.pipeline.v1.LeadService/AssignLead";
constexpr char kCreateActivity[] = "embudo.pipeline.v1.ActivityService/CreateActivity";

/// The service itself, acting for the tenant because of the run's event.
rpc::Identity IdentityOf(const HeldRun& held) {
  rpc::Identity identity;
  identity.tenant = held.tenant;
  identity.actor = "services/automation";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_AUTOMATION;
  identity.cause.set_event_id(held.run.event_id());
  identity.cause.set_rule(held.run.rule());
  identity.cause.set_depth(held.run.depth());
  return identity;
}

bool IsOver(const ActionResult& result) {
  return result.outcome() == ActionResult::OUTCOME_DONE || result.outcome() == ActionResult::OUTCOME_SKIPPED;
}

void Finish(HeldRun& held, int index, ActionResult::Outcome outcome, const std::string& detail,
            const std::string& resource) {
  ActionResult& result = *held.run.mutable_results(index);
  result.set_outcome(outcome);
  result.set_detail(detail);
  result.set_resource(resource);
}

google::protobuf::Duration ToDuration(std::chrono::steady_clock::duration duration) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  google::protobuf::Duration out;
  out.set_seconds(nanos / 1000000000);
  out.set_nanos(static_cast<int32_t>(nanos % 1000000000));
  return out;
}

std::string Describe(const v1::Assignment& assignment) {
  return "assigned to " + assignment.owner() + ": turn " + std::to_string(assignment.turn()) + " of " +
         assignment.team() + ", " + std::to_string(assignment.eligible_count()) + " of " +
         std::to_string(assignment.member_count()) + " members could take it";
}

}  // namespace

absl::Status Performer::Perform(HeldRun& held) {
  for (int i = 0; i < held.rule.actions_size(); ++i) {
    if (i == held.run.results_size()) held.run.add_results();
    if (IsOver(held.run.results(i))) continue;
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = Do(held, i);
    *held.run.mutable_results(i)->mutable_duration() = ToDuration(std::chrono::steady_clock::now() - begin);
    if (!status.ok()) {
      Finish(held, i, ActionResult::OUTCOME_FAILED, MessageOf(status), "");
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Performer::Do(HeldRun& held, int index) {
  const Action& action = held.rule.actions(index);
  const Uuid id = logic::RequestIdOf(held.tenant, held.run, index);
  const auto update = [&](const pipeline::v1::UpdateLeadRequest& request, const std::string& detail) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(pipeline_.Call<Lead>(kUpdateLead, IdentityOf(held), request, kCallTimeout).status());
    Finish(held, index, ActionResult::OUTCOME_DONE, detail, held.run.lead());
    return absl::OkStatus();
  };
  switch (action.action_case()) {
    case Action::kAssign:
      return Assign(held, index);
    case Action::kCreateActivity: {
      const auto request = logic::ActivityRequest(held.run, action.create_activity(), id);
      EMBUDO_ASSIGN_OR_RETURN(
          const type::v1::Activity activity,
          pipeline_.Call<type::v1::Activity>(kCreateActivity, IdentityOf(held), request, kCallTimeout));
      const std::string detail = "planned for " + FormatDate(activity.due_date());
      Finish(held, index, ActionResult::OUTCOME_DONE, detail, activity.name());
      return absl::OkStatus();
    }
    case Action::kUpdateFields: {
      EMBUDO_ASSIGN_OR_RETURN(const auto request, logic::UpdateRequest(held.run, action.update_fields(), id));
      return update(request, "set " + std::to_string(request.update_mask().paths_size()) + " fields");
    }
    case Action::kSetPriority:
      return update(logic::PriorityRequest(held.run, action.set_priority(), id),
                    "asked for priority " + std::to_string(action.set_priority().priority()));
    default:
      break;
  }
  return InvalidField("rule.actions[" + std::to_string(index) + "]", "is none that this version knows");
}

absl::Status Performer::Assign(HeldRun& held, int index) {
  if (!held.run.results(index).has_assignment()) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(held.run.lead());
    EMBUDO_ASSIGN_OR_RETURN(const Lead lead, pipeline_.Call<Lead>(kGetLead, IdentityOf(held), request, kCallTimeout));
    if (!lead.owner().empty()) {
      Finish(held, index, ActionResult::OUTCOME_SKIPPED, "the lead has an owner: " + lead.owner(), lead.name());
      return absl::OkStatus();
    }
    EMBUDO_RETURN_IF_ERROR(Decide(held, index, lead));
  }
  const v1::Assignment& assignment = held.run.results(index).assignment();
  const auto request = logic::AssignRequest(held.run, held.rule.actions(index).assign(), assignment,
                                            logic::RequestIdOf(held.tenant, held.run, index));
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, pipeline_.Call<Lead>(kAssignLead, IdentityOf(held), request, kCallTimeout));
  if (lead.owner() == assignment.owner()) {
    Finish(held, index, ActionResult::OUTCOME_DONE, Describe(assignment), lead.name());
  } else {
    Finish(held, index, ActionResult::OUTCOME_SKIPPED, "the lead got an owner meanwhile: " + lead.owner(), lead.name());
  }
  return absl::OkStatus();
}

absl::Status Performer::Decide(HeldRun& held, int index, const Lead& lead) {
  const Action::Assign& action = held.rule.actions(index).assign();
  const std::string& team = action.team().empty() ? lead.team() : action.team();
  if (team.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "LEAD_WITHOUT_TEAM",
                 "neither the lead nor the rule has a team");
  }
  HeldRun decided;
  const absl::Status status =
      db::RunInTx(pool_, "", db::After(kDecideTimeout), [&](db::Connection& connection) -> absl::Status {
        decided = held;
        ActionResult& result = *decided.run.mutable_results(index);
        result.set_outcome(ActionResult::OUTCOME_DECIDED);
        EMBUDO_ASSIGN_OR_RETURN(*result.mutable_assignment(), Choose(connection, held.tenant, team, lead));
        return storage::SaveRun(connection, decided);
      });
  if (!status.ok()) return status;
  held = std::move(decided);
  return absl::OkStatus();
}

absl::StatusOr<v1::Assignment> Performer::Choose(db::Connection& connection, const std::string& tenant,
                                                 const std::string& team, const Lead& lead) {
  const std::string team_id = team.substr(team.find('/') + 1);
  EMBUDO_ASSIGN_OR_RETURN(const storage::Turn turn, storage::TakeTurn(connection, tenant, team_id));
  const auto choice =
      logic::ChooseRoundRobin(turn.members, lead, storage::ResolverOf(connection, tenant), clock_.Now());
  if (!choice) {
    return Error(absl::StatusCode::kFailedPrecondition, logic::kNoMember, "nobody in " + team + " can take the lead")
        .Meta("team", team);
  }
  const std::string& membership = choice->member->membership_id;
  EMBUDO_RETURN_IF_ERROR(storage::RecordTurn(connection, tenant, team_id, membership, turn.number));
  v1::Assignment assignment;
  assignment.set_team(team);
  assignment.set_owner(choice->member->user);
  assignment.set_turn(turn.number);
  assignment.set_eligible_count(choice->eligible_count);
  assignment.set_member_count(static_cast<int>(turn.members.size()));
  return assignment;
}

}  // namespace embudo::automation::events
