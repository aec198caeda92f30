#include "services/automation/events/assign_action.h"

#include <chrono>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/automation/logic/attempts.h"
#include "services/automation/logic/requests.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation::events {
namespace {

using storage::HeldRun;
using type::v1::Lead;
using v1::Action;
using v1::ActionResult;

constexpr std::chrono::seconds kDecideTimeout{5};

void Finish(ActionResult& result, ActionResult::Outcome outcome, const std::string& detail, const Lead& lead) {
  result.set_outcome(outcome);
  result.set_detail(detail);
  result.set_resource(lead.name());
}

std::string Describe(const v1::Assignment& assignment) {
  return "assigned to " + assignment.owner() + ": turn " + std::to_string(assignment.turn()) + " of " +
         assignment.team() + ", " + std::to_string(assignment.eligible_count()) + " of " +
         std::to_string(assignment.member_count()) + " members could take it";
}

}  // namespace

absl::Status AssignAction::Do(RunContext& context, const Action::Assign& action, int index) {
  HeldRun& held = context.held();
  if (!held.run.results(index).has_assignment()) {
    EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
    if (!lead->owner().empty()) {
      Finish(*held.run.mutable_results(index), ActionResult::OUTCOME_SKIPPED, "the lead has an owner: " + lead->owner(),
             *lead);
      return absl::OkStatus();
    }
    EMBUDO_RETURN_IF_ERROR(Decide(held, action, index, *lead));
  }
  const v1::Assignment& assignment = held.run.results(index).assignment();
  const auto request = logic::AssignRequest(
      held.run, action, assignment, logic::RequestIdOf(held.tenant, held.run, held.run.results(index).action()));
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, context.Call<Lead>("LeadService/AssignLead", request));
  context.Forget();
  ActionResult& result = *held.run.mutable_results(index);
  if (lead.owner() == assignment.owner()) {
    Finish(result, ActionResult::OUTCOME_DONE, Describe(assignment), lead);
  } else {
    Finish(result, ActionResult::OUTCOME_SKIPPED, "the lead got an owner meanwhile: " + lead.owner(), lead);
  }
  return absl::OkStatus();
}

absl::Status AssignAction::Decide(HeldRun& held, const Action::Assign& action, int index, const Lead& lead) {
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
  held.run = std::move(decided.run);
  held.version = decided.version;
  held.revision = decided.revision;
  return absl::OkStatus();
}

absl::StatusOr<v1::Assignment> AssignAction::Choose(db::Connection& connection, const std::string& tenant,
                                                    const std::string& team, const Lead& lead) {
  const std::string team_id = IdOf(team);
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
