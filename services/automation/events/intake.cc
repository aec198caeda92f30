#include "services/automation/events/intake.h"

#include <prometheus/counter.h>

#include <set>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "services/automation/storage/projection.h"
#include "services/automation/storage/runs.h"

namespace embudo::automation::events {
namespace {

using type::v1::Event;
using v1::Run;

storage::NewRun MakeRun(const Event& event, const logic::Match& match, Time now) {
  Run run;
  run.set_name("runs/" + Uuid::V7(now).ToString());
  run.set_rule(match.rule->name());
  run.set_rule_version(match.rule->rule_version());
  run.set_event_id(event.id());
  run.set_event_type(event.type());
  *run.mutable_event_time() = event.time();
  run.set_lead(event.subject());
  run.set_depth(match.depth);
  *run.mutable_create_time() = *run.mutable_update_time() = ToTimestamp(now);
  if (match.depth > logic::kMaxDepth) {
    run.set_state(Run::STATE_DEAD);
    run.set_error("DEPTH_EXCEEDED: a chain of rules that lead to each other was cut after " +
                  std::to_string(logic::kMaxDepth));
    *run.mutable_end_time() = ToTimestamp(now);
  } else {
    run.set_state(Run::STATE_PENDING);
    *run.mutable_next_attempt_time() = ToTimestamp(now);
  }
  return {event.tenant(), std::move(run), match.rule};
}

}  // namespace

Intake::Intake(const Clock& clock, std::function<void()> wake, metrics::Registry& metrics)
    : clock_(clock), wake_(std::move(wake)), metrics_(metrics) {}

absl::Status Intake::Apply(db::Connection& connection, const std::vector<Event>& events) {
  EMBUDO_RETURN_IF_ERROR(Keep(connection, events));
  return MakeRuns(connection, events);
}

absl::Status Intake::Keep(db::Connection& connection, const std::vector<Event>& events) {
  storage::EventCounts counts;
  for (const Event& event : events) {
    ++counts[{event.tenant(), event.type()}];
    EMBUDO_RETURN_IF_ERROR(storage::Project(connection, event));
    if (event.type() == "tenant.created") {
      EMBUDO_RETURN_IF_ERROR(storage::SeedRules(connection, event.tenant(), clock_.Now()));
    }
  }
  return storage::AddEventCounts(connection, counts);
}

absl::Status Intake::MakeRuns(db::Connection& connection, const std::vector<Event>& events) {
  std::set<std::string> tenants;
  for (const Event& event : events) {
    if (event.data().has_lead()) tenants.insert(event.tenant());
  }
  if (tenants.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto rules, rules_.Get(connection, {tenants.begin(), tenants.end()}));

  std::vector<storage::NewRun> runs;
  const Time now = clock_.Now();
  for (const Event& event : events) {
    const auto of_tenant = rules.find(event.tenant());
    if (of_tenant == rules.end()) continue;
    for (const logic::Match& match : logic::MatchEvent(*of_tenant->second, event, now)) {
      runs.push_back(MakeRun(event, match, now));
    }
  }
  if (runs.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(storage::InsertRuns(connection, runs));
  metrics_.Counter("embudo_automation_matches_total", "Rules that events set off")
      .Increment(static_cast<double>(runs.size()));
  wake_();
  return absl::OkStatus();
}

}  // namespace embudo::automation::events
