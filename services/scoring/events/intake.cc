#include "services/scoring/events/intake.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/privacy/dead_letters.h"
#include "common/privacy/erased.h"
#include "services/scoring/logic/features.h"
#include "services/scoring/storage/frequencies.h"
#include "services/scoring/storage/leads.h"
#include "services/scoring/storage/pending.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/snapshots.h"
#include "services/scoring/storage/tenant.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring::events {
namespace {

using logic::Contribution;
using logic::FrequencyTable;
using type::v1::Event;
using type::v1::Lead;

/// The events of one tenant, in order.
struct Batch {
  bool tenant_created = false;
  std::vector<std::string> deleted_teams;
  /// The last state of each stage; nullopt: deleted.
  std::map<std::string, std::optional<logic::Stage>> stages;
  std::vector<const Lead*> leads;
  std::vector<const type::v1::Erasure*> erasures;
};

/// Scores are what scoring itself has written, so they tell it nothing.
bool IsOfLead(const Event& event) { return event.data().has_lead() && event.type() != "lead.scored"; }

void Add(const Event& event, Batch& batch) {
  if (IsOfLead(event)) {
    batch.leads.push_back(&event.data().lead());
  } else if (event.data().has_stage()) {
    const type::v1::Stage& stage = event.data().stage();
    std::optional<logic::Stage>& last = batch.stages[stage.name()];
    last.reset();
    if (event.type() == "stage.deleted" || stage.has_delete_time()) return;
    last = logic::Stage{stage.name(), logic::PipelineOf(stage.name()), stage.display_name(), stage.sequence(),
                        stage.is_won()};
  } else if (event.type() == "team.deleted") {
    batch.deleted_teams.push_back(logic::IdOf(event.subject()));
  } else if (event.data().has_erasure()) {
    batch.erasures.push_back(&event.data().erasure());
  } else if (event.type() == "tenant.created") {
    batch.tenant_created = true;
  }
}

/// Changes of the frequencies, in order.
struct Change {
  bool add;
  Contribution contribution;
};

/// Applies one tenant's events.
class Intake {
 public:
  Intake(db::Connection& connection, const std::string& tenant, Time now)
      : connection_(connection), tenant_(tenant), now_(now) {}

  absl::Status Apply(const Batch& batch) {
    EMBUDO_RETURN_IF_ERROR(storage::LockTenant(connection_, tenant_, now_));
    if (!batch.stages.empty()) EMBUDO_RETURN_IF_ERROR(ApplyStages(batch));
    if (!batch.leads.empty()) EMBUDO_RETURN_IF_ERROR(ApplyLeads(batch));
    for (const std::string& team : batch.deleted_teams) EMBUDO_RETURN_IF_ERROR(DissolveTeam(team));
    // Last, so that what came before an erasure does not come after it.
    for (const type::v1::Erasure* erasure : batch.erasures) {
      const storage::LeadIds erased = privacy::LeadIdsOf(*erasure);
      EMBUDO_RETURN_IF_ERROR(storage::RedactLeads(connection_, tenant_, erased));
      EMBUDO_RETURN_IF_ERROR(storage::RedactSnapshots(connection_, tenant_, erased));
      EMBUDO_RETURN_IF_ERROR(privacy::RedactDeadLetters(connection_, "scoring", privacy::PersonOf(*erasure)));
    }
    if (!batch.tenant_created) return absl::OkStatus();
    EMBUDO_RETURN_IF_ERROR(storage::SeedCriteria(connection_, tenant_, now_));
    // Leads in other partitions may have come first, and were scored by no criterion.
    return storage::AskForRescoring(connection_, tenant_).status();
  }

 private:
  absl::Status ApplyStages(const Batch& batch) {
    EMBUDO_ASSIGN_OR_RETURN(const storage::Settings settings, storage::LoadSettings(connection_, tenant_));
    std::vector<logic::Stage> there;
    std::vector<std::string> gone;
    bool recount = false;
    for (const auto& [name, stage] : batch.stages) {
      const logic::Stage* before = settings.stages.Find(name);
      if (stage) {
        there.push_back(*stage);
        recount |= before == nullptr || before->sequence != stage->sequence;
      } else {
        gone.push_back(name);
        recount |= before != nullptr;
      }
    }
    EMBUDO_RETURN_IF_ERROR(storage::SaveStages(connection_, tenant_, there));
    EMBUDO_RETURN_IF_ERROR(storage::RemoveStages(connection_, tenant_, gone));
    // Which stages a closed lead counts for depends on those of its pipeline. It also sets right what was counted
    // before the stage was known, as its event comes in another partition than those of leads.
    return recount ? storage::AskForRebuild(connection_, tenant_, now_) : absl::OkStatus();
  }

  absl::Status ApplyLeads(const Batch& batch) {
    std::map<std::string, const Lead*> last;
    storage::LeadIds ids;
    for (const Lead* lead : batch.leads) last[logic::IdOf(lead->name())] = lead;
    for (const auto& [id, lead] : last) ids.push_back(id);
    EMBUDO_ASSIGN_OR_RETURN(storage::Contributions counted, storage::LoadContributions(connection_, tenant_, ids));
    EMBUDO_RETURN_IF_ERROR(Count(batch.leads, counted));

    std::vector<const Lead*> there;
    storage::LeadIds gone;
    storage::LeadIds not_counted;
    storage::LeadIds pending;
    for (const auto& [id, lead] : last) {
      if (!counted.contains(id)) not_counted.push_back(id);
      if (lead->has_delete_time()) {
        gone.push_back(id);
        continue;
      }
      there.push_back(lead);
      if (logic::IsScored(*lead)) pending.push_back(id);
    }
    EMBUDO_RETURN_IF_ERROR(storage::SaveLeads(connection_, tenant_, there));
    EMBUDO_RETURN_IF_ERROR(storage::RemoveLeads(connection_, tenant_, gone));
    EMBUDO_RETURN_IF_ERROR(storage::SaveSnapshots(connection_, tenant_, batch.leads));
    EMBUDO_RETURN_IF_ERROR(storage::RemoveSnapshots(connection_, tenant_, gone));
    EMBUDO_RETURN_IF_ERROR(storage::SaveContributions(connection_, tenant_, counted));
    EMBUDO_RETURN_IF_ERROR(storage::RemoveContributions(connection_, tenant_, not_counted));
    return storage::MarkPending(connection_, tenant_, pending);
  }

  /// Counts what the events changed, one after the other; `counted` goes from what the leads had added to what they
  /// have.
  absl::Status Count(const std::vector<const Lead*>& leads, storage::Contributions& counted) {
    EMBUDO_ASSIGN_OR_RETURN(const storage::Settings settings, storage::LoadSettings(connection_, tenant_));
    std::vector<Change> changes;
    int closings = 0;
    for (const Lead* lead : leads) {
      const std::string id = logic::IdOf(lead->name());
      const std::optional<bool> won = logic::Outcome(*lead, settings.config);
      const auto before = counted.find(id);
      if (before != counted.end() && before->second.won == won) continue;
      if (before != counted.end()) {
        changes.push_back({false, std::move(before->second)});
        counted.erase(before);
      }
      if (!won) continue;
      ++closings;
      counted[id] = *logic::ContributionOf(*lead, settings.stages, settings.config);
      changes.push_back({true, counted[id]});
    }
    EMBUDO_RETURN_IF_ERROR(storage::CountClosings(connection_, tenant_, closings));
    std::set<logic::RowKey> keys;
    for (const auto& [add, contribution] : changes) {
      for (const logic::Couple& couple : contribution.couples) keys.insert({contribution.team, couple});
    }
    EMBUDO_ASSIGN_OR_RETURN(FrequencyTable table, storage::LoadRows(connection_, tenant_, keys));
    for (const auto& [add, contribution] : changes) {
      if (add) {
        table.Add(contribution);
      } else {
        table.Subtract(contribution);
      }
    }
    return storage::SaveChanged(connection_, tenant_, table);
  }

  absl::Status DissolveTeam(const std::string& team) {
    EMBUDO_ASSIGN_OR_RETURN(FrequencyTable table, storage::LoadTeams(connection_, tenant_, {team, ""}));
    table.DissolveTeam(team);
    EMBUDO_RETURN_IF_ERROR(storage::SaveChanged(connection_, tenant_, table));
    return storage::DissolveTeam(connection_, tenant_, team);
  }

  db::Connection& connection_;
  const std::string& tenant_;
  const Time now_;
};

}  // namespace

absl::Status TakeIn(db::Connection& connection, const std::vector<Event>& events, Time now) {
  // In order of their ids, so that two consumers never wait for each other.
  std::map<std::string, Batch> tenants;
  for (const Event& event : events) {
    const type::v1::Resource& data = event.data();
    if (IsOfLead(event) || data.has_stage() || data.has_team() || data.has_tenant() || data.has_erasure())
      Add(event, tenants[event.tenant()]);
  }
  for (const auto& [tenant, batch] : tenants) {
    EMBUDO_RETURN_IF_ERROR(Intake(connection, tenant, now).Apply(batch));
  }
  return absl::OkStatus();
}

}  // namespace embudo::scoring::events
