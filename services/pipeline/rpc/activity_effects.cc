#include "services/pipeline/rpc/activity_effects.h"

#include <algorithm>

#include "common/base/error.h"
#include "services/pipeline/logic/activity_rules.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Activity;
using type::v1::Lead;

std::string LastId(const std::string& name) { return name.substr(name.rfind('/') + 1); }

void Earliest(std::optional<Day> day, std::optional<Day>* earliest) {
  if (day && (!*earliest || *day < **earliest)) *earliest = day;
}

void AddStatement(resource::Effects& effects, resource::Writer::InTransaction statement) {
  effects.statements = [first = std::move(effects.statements),
                        then = std::move(statement)](db::Connection& connection) -> absl::Status {
    if (first) EMBUDO_RETURN_IF_ERROR(first(connection));
    return then(connection);
  };
}

resource::Writer::InTransaction RaiseVersion(const CallContext& call, const resource::Record& lead) {
  return [tenant = call.tenant(), id = LastId(resource::NameOf(*lead.message)),
          version = lead.version](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result result,
                            connection.Exec("UPDATE pipeline.lead SET version = version + 1"
                                            " WHERE tenant_id = $1 AND lead_id = $2::uuid AND version = $3",
                                            db::Params::Of(tenant, id, version)));
    if (result.affected() == 1) return absl::OkStatus();
    return Error(absl::StatusCode::kAborted, "VERSION_CHANGED", "the lead has just been changed");
  };
}

absl::Status TellAssignee(Records& records, const CallContext& call, const Activity& activity, const Lead& lead,
                          resource::Effects& effects) {
  const std::string text = activity.summary() + ", due " + FormatDate(activity.due_date()) + ": " + lead.display_name();
  return records.Notify(call, {activity.assignee()}, type::v1::Notification::KIND_ASSIGNMENT, lead.name(),
                        activity.name(), text, &effects.also);
}

}  // namespace

absl::StatusOr<std::map<std::string, LeadState>> ReadLeadStates(Records& records, const CallContext& call,
                                                                const std::vector<std::string>& leads,
                                                                const std::vector<std::string>& without) {
  const resource::Table& table = storage::LeadTable();
  static const std::string sql =
      "SELECT " + table.SelectList("t") +
      ", (SELECT min(a.due_date) FROM pipeline.activity a WHERE a.tenant_id = t.tenant_id AND a.lead_id = t.lead_id"
      " AND a.state = 'PLANNED' AND a.delete_time IS NULL AND a.activity_id <> ALL ($3::uuid[]))"
      " FROM pipeline.lead t WHERE t.tenant_id = $1 AND t.lead_id = ANY ($2::uuid[])";
  std::vector<std::string> lead_ids;
  for (const std::string& name : leads) lead_ids.push_back(LastId(name));
  std::vector<std::string> without_ids;
  for (const std::string& name : without) without_ids.push_back(LastId(name));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline, sql,
                                                          db::Params::Of(call.tenant(), lead_ids, without_ids)));
  const int next = static_cast<int>(table.columns().size()) + 2;
  std::map<std::string, LeadState> states;
  for (int i = 0; i < rows.size(); ++i) {
    LeadState state{table.Read(rows[i]), std::nullopt};
    if (!rows[i].IsNull(next)) state.next = std::chrono::floor<std::chrono::days>(rows[i].TimeAt(next));
    const std::string name = resource::NameOf(*state.lead.message);
    states.emplace(name, std::move(state));
  }
  return states;
}

void KeepLead(Records& records, const CallContext& call, const LeadState& before, std::optional<Day> next,
              resource::Effects& effects) {
  auto lead = std::make_unique<Lead>(static_cast<const Lead&>(*before.lead.message));
  if (next) {
    *lead->mutable_next_activity_date() = ToDate(*next);
  } else {
    lead->clear_next_activity_date();
  }
  if (call.identity.actor.starts_with("users/")) {
    *lead->mutable_last_touch_time() =
        ToTimestamp(std::max(records.clock().Now(), FromTimestamp(lead->last_touch_time())));
  }
  std::optional<resource::Change> change =
      records.leads().ChangeOf(call, before.lead, std::move(lead), type::v1::EVENT_TYPE_LEAD_UPDATED);
  if (change) {
    effects.also.push_back(*std::move(change));
  } else {
    AddStatement(effects, RaiseVersion(call, before.lead));
  }
}

absl::Status ActivityEffects(Records& records, const CallContext& call, const Activity& after, const Activity* before,
                             resource::Effects& effects) {
  // What this activity triggered stands among the effects already.
  std::vector<Activity> planned;
  for (const resource::Change& change : effects.also) {
    if (change.table == &storage::ActivityTable()) planned.push_back(static_cast<Activity&>(*change.after.message));
  }
  if (before == nullptr || (after.assignee() != before->assignee() && logic::PlannedDay(after))) {
    planned.push_back(after);
  }
  const bool moves = before == nullptr || !planned.empty() || logic::PlannedDay(*before) != logic::PlannedDay(after);
  if (!moves && !call.identity.actor.starts_with("users/")) return absl::OkStatus();
  std::vector<std::string> names = {after.name()};
  for (const Activity& activity : planned) names.push_back(activity.name());

  const std::string lead_name = Records::LeadOf(after.name());
  EMBUDO_ASSIGN_OR_RETURN(auto states, ReadLeadStates(records, call, {lead_name}, names));
  const auto state = states.find(lead_name);
  if (state == states.end()) return NotFound("embudo.dev/Lead", lead_name);
  const auto& lead = static_cast<const Lead&>(*state->second.lead.message);
  if (lead.has_delete_time()) return NotFound("embudo.dev/Lead", lead_name);
  std::optional<Day> next = state->second.next;
  Earliest(logic::PlannedDay(after), &next);
  for (const Activity& activity : planned) Earliest(logic::PlannedDay(activity), &next);
  KeepLead(records, call, state->second, next, effects);
  for (const Activity& activity : planned) {
    EMBUDO_RETURN_IF_ERROR(TellAssignee(records, call, activity, lead, effects));
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::rpc
