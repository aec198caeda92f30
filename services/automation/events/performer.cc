#include "services/automation/events/performer.h"

#include <chrono>

#include "common/base/error.h"
#include "common/filter/filter.h"
#include "common/filter/literal.h"
#include "services/automation/logic/cron.h"
#include "services/automation/logic/due.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/trigger.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation::events {
namespace {

using logic::Progress;
using logic::TriggerKind;
using storage::HeldRun;
using type::v1::Lead;
using v1::Action;
using v1::ActionResult;

constexpr std::chrono::seconds kStatementTimeout{5};
constexpr char kThen[] = "then";
constexpr char kElse[] = "else";

bool IsOver(const ActionResult& result) {
  return result.outcome() == ActionResult::OUTCOME_DONE || result.outcome() == ActionResult::OUTCOME_SKIPPED;
}

google::protobuf::Duration ToDuration(std::chrono::steady_clock::duration duration) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  google::protobuf::Duration out;
  out.set_seconds(nanos / 1000000000);
  out.set_nanos(static_cast<int32_t>(nanos % 1000000000));
  return out;
}

/// The place of the action's result; made if it has none.
int ResultOf(v1::Run& run, const std::string& action) {
  for (int i = 0; i < run.results_size(); ++i) {
    if (run.results(i).action() == action) return i;
  }
  run.add_results()->set_action(action);
  return run.results_size() - 1;
}

}  // namespace

absl::StatusOr<Progress> Performer::Perform(HeldRun& held) {
  RunContext context(held, pipeline_);
  if (held.run.results().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(std::string why, WhyNot(context));
    if (!why.empty()) return Progress{.kind = Progress::Kind::kDropped, .why = std::move(why)};
  }
  EMBUDO_ASSIGN_OR_RETURN(const Ending ending, Go(context, held.rule.actions(), ""));
  if (ending.kind == Ending::Kind::kWaiting) return Progress{.kind = Progress::Kind::kWaiting, .until = ending.until};
  return Progress{};
}

absl::StatusOr<std::string> Performer::WhyNot(RunContext& context) {
  const v1::Rule& rule = context.held().rule;
  const TriggerKind kind = logic::KindOf(rule.trigger());
  if (kind == TriggerKind::kLead) return std::string();
  if (kind == TriggerKind::kMoment) {
    EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_ASSIGN_OR_RETURN(const std::string zone, storage::TimeZoneOf(*lease, context.tenant()));
    const std::optional<Time> due = logic::DueOf(rule.trigger(), *lead, logic::ZoneOf(zone));
    if (!due || *due != FromTimestamp(context.run().event_time())) return std::string("what was due has changed");
  }
  if (rule.condition().empty()) return std::string();
  EMBUDO_ASSIGN_OR_RETURN(const bool holds, Holds(context, rule.condition()));
  return holds ? std::string() : std::string("the condition does not hold");
}

absl::StatusOr<bool> Performer::Holds(RunContext& context, const std::string& condition) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  EMBUDO_ASSIGN_OR_RETURN(const filter::Filter filter,
                          filter::Filter::Compile(condition, logic::LeadFields(),
                                                  storage::ResolverOf(*lease, context.tenant()), "rule.condition"));
  return filter.Matches(*lead, clock_.Now());
}

absl::StatusOr<Performer::Ending> Performer::Go(RunContext& context, const Actions& actions,
                                                const std::string& prefix) {
  v1::Run& run = context.held().run;
  for (int i = 0; i < actions.size(); ++i) {
    const Action& action = actions[i];
    const std::string place = prefix + std::to_string(i);
    const int index = ResultOf(run, place);
    Ending ending;
    if (action.has_branch()) {
      EMBUDO_ASSIGN_OR_RETURN(ending, Branch(context, action.branch(), place, index));
    } else if (action.has_stop()) {
      run.mutable_results(index)->set_outcome(ActionResult::OUTCOME_DONE);
      ending.kind = Ending::Kind::kStopped;
    } else if (IsOver(run.results(index))) {
      continue;
    } else if (action.has_wait()) {
      EMBUDO_ASSIGN_OR_RETURN(ending, Wait(context, action.wait(), index));
    } else {
      EMBUDO_RETURN_IF_ERROR(Do(context, action, index));
    }
    if (ending.kind != Ending::Kind::kDone) return ending;
  }
  return Ending();
}

absl::StatusOr<Performer::Ending> Performer::Wait(RunContext& context, const Action::Wait& wait, int index) {
  ActionResult& result = *context.held().run.mutable_results(index);
  const Time now = clock_.Now();
  if (result.decision().empty()) {
    result.set_decision(FormatTime(now + std::chrono::seconds(wait.duration().seconds())));
  }
  const std::optional<Time> until = filter::ParseTime(result.decision());
  if (!until) return Internal("a wait without its end");
  if (*until > now) {
    result.set_outcome(ActionResult::OUTCOME_WAITING);
    result.set_detail("until " + result.decision());
    return Ending{Ending::Kind::kWaiting, *until};
  }
  result.set_outcome(ActionResult::OUTCOME_DONE);
  result.set_detail("waited until " + result.decision());
  context.Forget();
  return Ending();
}

absl::StatusOr<Performer::Ending> Performer::Branch(RunContext& context, const Action::Branch& branch,
                                                    const std::string& place, int index) {
  HeldRun& held = context.held();
  if (held.run.results(index).decision().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const bool holds, Holds(context, branch.condition()));
    ActionResult& result = *held.run.mutable_results(index);
    result.set_decision(holds ? kThen : kElse);
    result.set_outcome(ActionResult::OUTCOME_DONE);
    // Kept before anything is done on that way, since another attempt might find the lead different.
    EMBUDO_RETURN_IF_ERROR(SaveDecision(held));
  }
  const bool then = held.run.results(index).decision() == kThen;
  return Go(context, then ? branch.then() : branch.else_(), place + (then ? ".then." : ".else."));
}

absl::Status Performer::SaveDecision(HeldRun& held) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::SaveRun(*lease, held);
}

absl::Status Performer::Do(RunContext& context, const Action& action, int index) {
  const auto begin = std::chrono::steady_clock::now();
  absl::Status status = effects_.Do(context, action, index);
  ActionResult& result = *context.held().run.mutable_results(index);
  if (ReasonOf(status) == "REQUEST_ID_REUSED") {
    // Nobody else makes this id: an attempt before this one has done it, as things stood then, and was lost.
    result.set_outcome(ActionResult::OUTCOME_DONE);
    result.set_detail("done by an attempt before");
    context.Forget();
    status = absl::OkStatus();
  }
  *result.mutable_duration() = ToDuration(std::chrono::steady_clock::now() - begin);
  if (!status.ok()) {
    result.set_outcome(ActionResult::OUTCOME_FAILED);
    result.set_detail(MessageOf(status).substr(0, 2000));
  }
  return status;
}

}  // namespace embudo::automation::events
