#include "services/automation/storage/assignments.h"

#include <memory>
#include <utility>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/resource/rows.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {
namespace {

using logic::Member;
using v1::AssignmentDecision;

constexpr char kTakeTurn[] =
    "INSERT INTO automation.rotation AS r (tenant_id, team_id, turn) VALUES ($1, $2, 1)"
    " ON CONFLICT (tenant_id, team_id) DO UPDATE SET turn = r.turn + 1 RETURNING turn";

#define EMBUDO_MEMBER_COLUMNS                                                                                  \
  "m.membership_id, m.user_id, m.assignment_filter, m.paused, d.user_id IS NOT NULL, m.last_turn, m.capacity," \
  " coalesce(z.time_zone, t.time_zone, 'UTC'), m.team_id FROM automation.member m"                             \
  " LEFT JOIN automation.disabled_user d USING (tenant_id, user_id)"                                           \
  " LEFT JOIN automation.user_time_zone z USING (tenant_id, user_id)"                                          \
  " LEFT JOIN automation.tenant t USING (tenant_id)"

constexpr char kTeam[] =
    "SELECT " EMBUDO_MEMBER_COLUMNS " WHERE m.tenant_id = $1 AND m.team_id = $2 ORDER BY m.membership_id";
constexpr char kAllTeams[] =
    "SELECT " EMBUDO_MEMBER_COLUMNS " WHERE m.tenant_id = $1 ORDER BY m.team_id, m.membership_id";

constexpr char kUsers[] =
    "SELECT '', u.user_id, '', false, d.user_id IS NOT NULL OR n.name IS NULL, coalesce(p.last_turn, 0), 0,"
    " coalesce(z.time_zone, t.time_zone, 'UTC'), '' FROM unnest($3::text[]) u (user_id)"
    " LEFT JOIN automation.name n ON n.tenant_id = $1 AND n.name = 'users/' || u.user_id"
    " LEFT JOIN automation.disabled_user d ON d.tenant_id = $1 AND d.user_id = u.user_id"
    " LEFT JOIN automation.user_time_zone z ON z.tenant_id = $1 AND z.user_id = u.user_id"
    " LEFT JOIN automation.tenant t ON t.tenant_id = $1"
    " LEFT JOIN automation.pool_turn p ON p.tenant_id = $1 AND p.pool = $2 AND p.user_id = u.user_id"
    " ORDER BY u.user_id";

constexpr char kRecordTeamTurn[] =
    "UPDATE automation.member SET last_turn = $4 WHERE tenant_id = $1 AND team_id = $2 AND membership_id = $3";
constexpr char kRecordUserTurn[] =
    "INSERT INTO automation.pool_turn (tenant_id, pool, user_id, last_turn) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant_id, pool, user_id) DO UPDATE SET last_turn = excluded.last_turn";

constexpr char kUsable[] =
    "SELECT 1 FROM automation.name n WHERE n.tenant_id = $1 AND n.name = $2 AND NOT EXISTS"
    " (SELECT FROM automation.disabled_user d WHERE d.tenant_id = $1 AND 'users/' || d.user_id = $2)";

constexpr char kSettle[] =
    "UPDATE automation.assignment_decision SET state = $3, revision = revision + 1, version = version + 1"
    " WHERE tenant_id = $1 AND assignment_decision_id = ANY($2::text[]) AND state <> $3";

constexpr char kPending[] =
    "SELECT owner_id, lead_id FROM automation.assignment_decision WHERE tenant_id = $1 AND owner_id = ANY($2::text[])"
    " AND state = 'DECIDED' AND create_time > $3::timestamptz - interval '1 day' ORDER BY create_time LIMIT 5000";

constexpr char kSaveZone[] =
    "INSERT INTO automation.user_time_zone (tenant_id, user_id, time_zone)"
    " VALUES ($1, $2, automation.known_time_zone($3))"
    " ON CONFLICT (tenant_id, user_id) DO UPDATE SET time_zone = excluded.time_zone";

Member MemberOf(const db::Row& row) {
  return {.membership_id = std::string(row.Text(0)),
          .user = "users/" + std::string(row.Text(1)),
          .assignment_filter = std::string(row.Text(2)),
          .paused = row.Bool(3),
          .disabled = row.Bool(4),
          .last_turn = row.Int(5),
          .capacity = static_cast<int>(row.Int(6)),
          .time_zone = std::string(row.Text(7))};
}

}  // namespace

absl::StatusOr<PoolTurn> TakePoolTurn(db::Connection& connection, const std::string& tenant, const Pool& pool) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result taken, connection.Exec(kTakeTurn, db::Params::Of(tenant, pool.id)));
  // A statement of its own, so that it sees what the turn before this one has committed.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          pool.users.empty() ? connection.Exec(kTeam, db::Params::Of(tenant, pool.id))
                                             : connection.Exec(kUsers, db::Params::Of(tenant, pool.id, pool.users)));
  PoolTurn turn{taken[0].Int(0), {}};
  for (int i = 0; i < rows.size(); ++i) turn.members.push_back(MemberOf(rows[i]));
  return turn;
}

absl::Status RecordPoolTurn(db::Connection& connection, const std::string& tenant, const Pool& pool,
                            const Member& member, int64_t turn) {
  if (pool.users.empty()) {
    return connection.Exec(kRecordTeamTurn, db::Params::Of(tenant, pool.id, member.membership_id, turn)).status();
  }
  return connection.Exec(kRecordUserTurn, db::Params::Of(tenant, pool.id, IdOf(member.user), turn)).status();
}

absl::StatusOr<bool> IsUsable(db::Connection& connection, const std::string& tenant, const std::string& user) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kUsable, db::Params::Of(tenant, user)));
  return !rows.empty();
}

absl::StatusOr<std::vector<v1::Territory>> GetTerritories(db::Connection& connection, const std::string& tenant) {
  static const std::string sql = "SELECT " + TerritoryTable().SelectList("t") +
                                 " FROM automation.territory t WHERE tenant_id = $1 AND delete_time IS NULL"
                                 " ORDER BY position, territory_id";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(sql, db::Params::Of(tenant)));
  std::vector<v1::Territory> territories;
  for (int i = 0; i < rows.size(); ++i) {
    territories.push_back(static_cast<const v1::Territory&>(*TerritoryTable().Read(rows[i]).message));
  }
  return territories;
}

absl::StatusOr<v1::AssignmentSettings> GetAssignmentSettings(db::Connection& connection, const std::string& tenant) {
  static const std::string sql = "SELECT " + AssignmentSettingsTable().SelectList("t") +
                                 " FROM automation.assignment_settings t WHERE tenant_id = $1"
                                 " AND assignment_settings_id = 'default'";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(sql, db::Params::Of(tenant)));
  if (!rows.empty()) {
    return static_cast<const v1::AssignmentSettings&>(*AssignmentSettingsTable().Read(rows[0]).message);
  }
  v1::AssignmentSettings settings;
  settings.set_name("assignmentSettings/default");
  return settings;
}

absl::Status InsertDecisions(db::Connection& connection, const std::string& tenant,
                             const std::vector<AssignmentDecision>& decisions) {
  if (decisions.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(resource::Rows rows, resource::Rows::For(connection, AssignmentDecisionTable()));
  for (const AssignmentDecision& decision : decisions) {
    rows.Add(tenant, {std::make_unique<AssignmentDecision>(decision), 1, 1});
  }
  return connection
      .Exec(
          "INSERT INTO automation.assignment_decision SELECT * FROM unnest($1::automation.assignment_decision[])"
          " ON CONFLICT DO NOTHING",
          db::Params::Of(rows.Finish()))
      .status();
}

absl::Status SettleDecisions(db::Connection& connection, const std::string& tenant,
                             const std::vector<std::string>& names, AssignmentDecision::State state) {
  if (names.empty()) return absl::OkStatus();
  std::vector<std::string> ids;
  for (const std::string& name : names) ids.push_back(IdOf(name));
  const std::string text = AssignmentDecision::State_Name(state).substr(std::string_view("STATE_").size());
  return connection.Exec(kSettle, db::Params::Of(tenant, ids, text)).status();
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> PendingDecisions(
    db::Connection& connection, const std::string& tenant, const std::vector<std::string>& owners, Time now) {
  std::vector<std::string> ids;
  for (const std::string& owner : owners) ids.push_back(IdOf(owner));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kPending, db::Params::Of(tenant, ids, now)));
  std::vector<std::pair<std::string, std::string>> pending;
  for (int i = 0; i < rows.size(); ++i) {
    pending.emplace_back("users/" + std::string(rows[i].Text(0)), "leads/" + std::string(rows[i].Text(1)));
  }
  return pending;
}

absl::StatusOr<std::map<std::string, std::vector<Member>>> GetMembers(db::Connection& connection,
                                                                      const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kAllTeams, db::Params::Of(tenant)));
  std::map<std::string, std::vector<Member>> members;
  for (int i = 0; i < rows.size(); ++i) {
    members["teams/" + std::string(rows[i].Text(8))].push_back(MemberOf(rows[i]));
  }
  return members;
}

absl::Status SaveUserTimeZone(db::Connection& connection, const std::string& tenant, const std::string& user_id,
                              const std::string& time_zone) {
  if (!time_zone.empty()) return connection.Exec(kSaveZone, db::Params::Of(tenant, user_id, time_zone)).status();
  return connection
      .Exec("DELETE FROM automation.user_time_zone WHERE tenant_id = $1 AND user_id = $2",
            db::Params::Of(tenant, user_id))
      .status();
}

}  // namespace embudo::automation::storage
