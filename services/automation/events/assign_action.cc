#include "services/automation/events/assign_action.h"

#include <chrono>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "services/automation/logic/requests.h"

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
  return "assigned to " + assignment.owner() + ": " + assignment.reason();
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
    EMBUDO_RETURN_IF_ERROR(Decide(context, action, index, *lead));
  }
  const v1::Assignment& assignment = held.run.results(index).assignment();
  auto request = logic::AssignRequest(held.run, action, assignment,
                                      logic::RequestIdOf(held.tenant, held.run, held.run.results(index).action()));
  // A territory or a route names another team than the action.
  request.set_team(assignment.team());
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, context.Call<Lead>("LeadService/AssignLead", request));
  context.Forget();
  EMBUDO_RETURN_IF_ERROR(assigner_.Settle(held.tenant, assignment, lead.owner() == assignment.owner()));
  ActionResult& result = *held.run.mutable_results(index);
  if (lead.owner() == assignment.owner()) {
    Finish(result, ActionResult::OUTCOME_DONE, Describe(assignment), lead);
  } else {
    Finish(result, ActionResult::OUTCOME_SKIPPED, "the lead got an owner meanwhile: " + lead.owner(), lead);
  }
  return absl::OkStatus();
}

absl::Status AssignAction::Decide(RunContext& context, const Action::Assign& action, int index, const Lead& lead) {
  HeldRun& held = context.held();
  HeldRun decided;
  const absl::Status status =
      db::RunInTx(pool_, "", db::After(kDecideTimeout), [&](db::Connection& connection) -> absl::Status {
        decided = held;
        ActionResult& result = *decided.run.mutable_results(index);
        result.set_outcome(ActionResult::OUTCOME_DECIDED);
        EMBUDO_ASSIGN_OR_RETURN(*result.mutable_assignment(),
                                assigner_.Choose(connection, context.identity(), action, lead, held.run.name()));
        return storage::SaveRun(connection, decided);
      });
  if (!status.ok()) return status;
  held.run = std::move(decided.run);
  held.version = decided.version;
  held.revision = decided.revision;
  return absl::OkStatus();
}

}  // namespace embudo::automation::events
