#include "services/automation/storage/runs.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "common/db/served.h"
#include "common/resource/rows.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {
namespace {

constexpr char kSaveVersions[] =
    "INSERT INTO automation.rule_version (tenant_id, rule_id, rule_version, rule)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) ON CONFLICT DO NOTHING";

constexpr char kSaveRuns[] =
    "UPDATE automation.run t SET state = r.state, attempts = r.attempts, next_attempt_time = r.next_attempt_time,"
    " results = r.results, error = r.error, update_time = r.update_time, end_time = r.end_time, revision = r.revision,"
    " version = r.version FROM unnest($1::automation.run[]) r"
    " WHERE t.tenant_id = r.tenant_id AND t.run_id = r.run_id AND t.version = r.version - 1 RETURNING t.run_id";

constexpr char kTakeTurn[] =
    "INSERT INTO automation.rotation AS r (tenant_id, team_id, turn) VALUES ($1, $2, 1)"
    " ON CONFLICT (tenant_id, team_id) DO UPDATE SET turn = r.turn + 1 RETURNING turn";

constexpr char kMembers[] =
    "SELECT m.membership_id, m.user_id, m.assignment_filter, m.paused, d.user_id IS NOT NULL, m.last_turn"
    " FROM automation.member m LEFT JOIN automation.disabled_user d USING (tenant_id, user_id)"
    " WHERE m.tenant_id = $1 AND m.team_id = $2 ORDER BY m.membership_id";

constexpr char kRecordTurn[] =
    "UPDATE automation.member SET last_turn = $4 WHERE tenant_id = $1 AND team_id = $2 AND membership_id = $3";

const std::string& InsertRunsSql() {
  static const std::string sql = [] {
    std::string columns;
    std::string values;
    for (const std::string& column : RunTable().columns()) {
      columns += ", " + column;
      values +=
          column == "event_date" ? ", (r.event_time AT TIME ZONE coalesce(t.time_zone, 'UTC'))::date" : ", r." + column;
    }
    return "INSERT INTO automation.run (tenant_id" + columns + ", revision, version) SELECT r.tenant_id" + values +
           ", 1, 1 FROM unnest($1::automation.run[]) r"
           " LEFT JOIN automation.tenant t ON t.tenant_id = r.tenant_id"
           " ON CONFLICT (tenant_id, rule_id, event_id) DO NOTHING";
  }();
  return sql;
}

/// Whether an older run of the lead is not over is a subquery for each candidate: as a join, the planner, whose
/// statistics know the queue mostly empty, would go through all that waits for each of them.
const std::string& TakeDueRunsSql() {
  static const std::string sql =
      "WITH due AS MATERIALIZED (SELECT d.tenant_id, d.run_id FROM automation.run d"
      " WHERE d.bulk = $4::boolean AND d.next_attempt_time <= $1 AND (SELECT e.run_id FROM automation.run e"
      "  WHERE e.tenant_id = d.tenant_id AND e.lead_id = d.lead_id AND e.run_id < d.run_id"
      "  AND e.state IN ('PENDING', 'RUNNING') LIMIT 1) IS NULL" EMBUDO_SERVED(
          "d") " ORDER BY d.next_attempt_time LIMIT $2::int FOR UPDATE OF d SKIP LOCKED)"
      " UPDATE automation.run t SET state = 'RUNNING', attempts = t.attempts + 1, next_attempt_time = $3,"
      " update_time = $1, revision = t.revision + 1, version = t.version + 1"
      " FROM due, automation.rule_version v WHERE t.tenant_id = due.tenant_id AND t.run_id = due.run_id"
      " AND v.tenant_id = t.tenant_id AND v.rule_id = t.rule_id AND v.rule_version = t.rule_version"
      " RETURNING t.tenant_id, v.rule, " +
      RunTable().SelectList("t");
  return sql;
}

resource::Record RecordOf(const v1::Run& run, int64_t version, int64_t revision) {
  return {std::make_unique<v1::Run>(run), version, revision};
}

/// Keeps the rules that the runs are of, once each.
absl::Status SaveVersions(db::Connection& connection, const std::vector<NewRun>& runs) {
  std::set<std::tuple<std::string, std::string, int64_t>> seen;
  std::vector<std::string> tenants;
  std::vector<std::string> ids;
  std::vector<std::string> versions;
  std::vector<std::optional<std::string>> rules;
  for (const NewRun& made : runs) {
    const int64_t version = made.rule->rule_version();
    if (!seen.emplace(made.tenant, made.rule->name(), version).second) continue;
    tenants.push_back(made.tenant);
    ids.push_back(RuleTable().KeyOf(*made.rule));
    versions.push_back(std::to_string(version));
    rules.emplace_back(made.rule->SerializeAsString());
  }
  return connection.Exec(kSaveVersions, db::Params::Of(tenants, ids, versions).AddBytes(rules)).status();
}

}  // namespace

absl::Status InsertRuns(db::Connection& connection, const std::vector<NewRun>& runs) {
  if (runs.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(SaveVersions(connection, runs));
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, RunTable()));
  for (const NewRun& made : runs) rows.Add(made.tenant, RecordOf(made.run, 1, 1));
  return connection.Exec(InsertRunsSql(), db::Params::Of(rows.Finish())).status();
}

absl::StatusOr<std::string> FindRunOfEvent(db::Connection& connection, const std::string& tenant,
                                           const std::string& rule, const std::string& event_id) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT run_id FROM automation.run WHERE tenant_id = $1 AND rule_id = $2"
                                          " AND event_id = $3",
                                          db::Params::Of(tenant, IdOf(rule), event_id)));
  if (rows.empty()) return NotFound("embudo.dev/Run", event_id);
  return "runs/" + std::string(rows[0].Text(0));
}

absl::StatusOr<std::vector<HeldRun>> TakeDueRuns(db::Connection& connection, int limit, bool bulk, Time now,
                                                 Time lease_end) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(TakeDueRunsSql(), db::Params::Of(now, limit, lease_end, bulk)));
  std::vector<HeldRun> taken(rows.size());
  for (int i = 0; i < rows.size(); ++i) {
    HeldRun& held = taken[i];
    held.tenant = rows[i].Text(0);
    if (!held.rule.ParseFromString(rows[i].Bytes(1))) return Internal("a stored rule that can't be parsed");
    const resource::Record record = RunTable().Read(rows[i], 2);
    held.run = static_cast<const v1::Run&>(*record.message);
    held.version = record.version;
    held.revision = record.revision;
  }
  // Ids are drawn in the order of the events and the rules.
  std::sort(taken.begin(), taken.end(), [](const HeldRun& a, const HeldRun& b) { return a.run.name() < b.run.name(); });
  return taken;
}

absl::Status SaveRuns(db::Connection& connection, const std::vector<HeldRun*>& runs) {
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, RunTable()));
  for (const HeldRun* held : runs) rows.Add(held->tenant, RecordOf(held->run, held->version + 1, held->revision + 1));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result saved, connection.Exec(kSaveRuns, db::Params::Of(rows.Finish())));
  std::set<std::string> ids;
  for (int i = 0; i < saved.size(); ++i) ids.emplace(saved[i].Text(0));
  for (HeldRun* held : runs) {
    held->taken = !ids.contains(IdOf(held->run.name()));
    if (held->taken) continue;
    ++held->version;
    ++held->revision;
  }
  return absl::OkStatus();
}

absl::Status SaveRun(db::Connection& connection, HeldRun& held) {
  EMBUDO_RETURN_IF_ERROR(SaveRuns(connection, {&held}));
  if (!held.taken) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "RUN_TAKEN", "another worker has taken the run over");
}

absl::StatusOr<Turn> TakeTurn(db::Connection& connection, const std::string& tenant, const std::string& team_id) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result taken, connection.Exec(kTakeTurn, db::Params::Of(tenant, team_id)));
  // A statement of its own, so that it sees what the turn before this one has committed.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kMembers, db::Params::Of(tenant, team_id)));
  Turn turn{taken[0].Int(0), {}};
  for (int i = 0; i < rows.size(); ++i) {
    turn.members.push_back({.membership_id = std::string(rows[i].Text(0)),
                            .user = "users/" + std::string(rows[i].Text(1)),
                            .assignment_filter = std::string(rows[i].Text(2)),
                            .paused = rows[i].Bool(3),
                            .disabled = rows[i].Bool(4),
                            .last_turn = rows[i].Int(5)});
  }
  return turn;
}

absl::Status RecordTurn(db::Connection& connection, const std::string& tenant, const std::string& team_id,
                        const std::string& membership_id, int64_t turn) {
  return connection.Exec(kRecordTurn, db::Params::Of(tenant, team_id, membership_id, turn)).status();
}

}  // namespace embudo::automation::storage
