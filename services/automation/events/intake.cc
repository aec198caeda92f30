#include "services/automation/events/intake.h"

#include <prometheus/counter.h>

#include <set>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "services/automation/logic/new_run.h"
#include "services/automation/logic/trigger.h"
#include "services/automation/storage/projection.h"
#include "services/automation/storage/runs.h"
#include "services/automation/storage/templates.h"

namespace embudo::automation::events {

using type::v1::Event;

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
      EMBUDO_RETURN_IF_ERROR(storage::SeedTemplates(connection, event.tenant(), clock_.Now()));
    }
  }
  return storage::AddEventCounts(connection, counts);
}

absl::Status Intake::MakeRuns(db::Connection& connection, const std::vector<Event>& events) {
  std::set<std::string> tenants;
  for (const Event& event : events) {
    if (!logic::LeadOf(event).empty()) tenants.insert(event.tenant());
  }
  if (tenants.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto rules, rules_.Get(connection, {tenants.begin(), tenants.end()}));

  std::vector<storage::NewRun> runs;
  const Time now = clock_.Now();
  for (const Event& event : events) {
    const auto of_tenant = rules.find(event.tenant());
    if (of_tenant == rules.end()) continue;
    for (const logic::Match& match : of_tenant->second->MatchEvent(event, now)) {
      v1::Run run = logic::RunForEvent(match, event, now);
      if (pace_.IsBulk(event.tenant(), std::chrono::steady_clock::now())) run.set_bulk(true);
      runs.push_back({event.tenant(), std::move(run), match.rule});
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
