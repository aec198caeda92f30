#include "services/automation/logic/new_run.h"

#include "common/base/ids.h"
#include "services/automation/logic/due.h"
#include "services/automation/logic/trigger.h"

namespace embudo::automation::logic {
namespace {

using type::v1::Event;
using v1::Run;

Run NewRun(const v1::Rule& rule, Time now) {
  Run run;
  run.set_name("runs/" + Uuid::V7(now).ToString());
  run.set_rule(rule.name());
  run.set_rule_version(rule.rule_version());
  run.set_depth(1);
  run.set_state(Run::STATE_PENDING);
  *run.mutable_create_time() = *run.mutable_update_time() = *run.mutable_next_attempt_time() = ToTimestamp(now);
  return run;
}

}  // namespace

Run RunForEvent(const Match& match, const Event& event, Time now) {
  const std::string lead = LeadOf(event);
  Run run = match.due
                ? RunForMoment(*match.rule, kTimeDue, MomentId(event.tenant(), match.rule->name(), lead, *match.due),
                               lead, *match.due, now)
                : NewRun(*match.rule, now);
  if (!match.due) {
    run.set_event_id(event.id());
    run.set_event_type(event.type());
    *run.mutable_event_time() = event.time();
    run.set_lead(lead);
  }
  run.set_depth(match.depth);
  run.set_bulk(event.origin() == type::v1::ORIGIN_IMPORT);
  if (match.depth > kMaxDepth) {
    run.set_state(Run::STATE_DEAD);
    run.set_error("DEPTH_EXCEEDED: a chain of rules that lead to each other was cut after " +
                  std::to_string(kMaxDepth));
    run.clear_next_attempt_time();
    *run.mutable_end_time() = ToTimestamp(now);
  }
  return run;
}

Run RunForMoment(const v1::Rule& rule, const std::string& event_type, const std::string& event_id,
                 const std::string& lead, Time time, Time now) {
  Run run = NewRun(rule, now);
  run.set_event_id(event_id);
  run.set_event_type(event_type);
  *run.mutable_event_time() = ToTimestamp(time);
  run.set_lead(lead);
  return run;
}

}  // namespace embudo::automation::logic
