#include "services/automation/storage/timers.h"

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/db/served.h"
#include "services/automation/logic/trigger.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation::storage {
namespace {

using db::Params;

constexpr char kSet[] =
    "INSERT INTO automation.timer AS t (tenant_id, rule_id, enable_time, next_time)"
    " VALUES ($1, $2, $3::timestamptz, $3) ON CONFLICT (tenant_id, rule_id) DO UPDATE"
    " SET enable_time = excluded.enable_time, scanned_until = NULL, next_time = excluded.next_time WHERE $4::boolean";

const std::string& TakeSql() {
  static const std::string sql =
      "WITH due AS MATERIALIZED (SELECT tenant_id, rule_id FROM automation.timer d WHERE next_time <= $1"
      EMBUDO_SERVED("d")
      " ORDER BY next_time LIMIT $2::int FOR UPDATE SKIP LOCKED)"
      " UPDATE automation.timer t SET next_time = $3::timestamptz FROM due JOIN automation.rule r"
      " USING (tenant_id, rule_id) LEFT JOIN automation.tenant n USING (tenant_id)"
      " WHERE t.tenant_id = due.tenant_id AND t.rule_id = due.rule_id"
      " RETURNING t.tenant_id, t.rule_id, t.enable_time, t.scanned_until, coalesce(n.time_zone, 'UTC'), " +
      RuleTable().SelectList("r");
  return sql;
}

}  // namespace

absl::Status SetTimer(db::Connection& connection, const std::string& tenant, const v1::Rule& rule, bool changed,
                      Time now) {
  const std::string id = IdOf(rule.name());
  const logic::TriggerKind kind = logic::KindOf(rule.trigger());
  const bool timed = kind == logic::TriggerKind::kMoment || kind == logic::TriggerKind::kSchedule;
  if (!timed || !rule.enabled() || rule.has_delete_time()) {
    return connection.Exec("DELETE FROM automation.timer WHERE tenant_id = $1 AND rule_id = $2", Params::Of(tenant, id))
        .status();
  }
  return connection.Exec(kSet, Params::Of(tenant, id, now, changed)).status();
}

absl::StatusOr<std::vector<HeldTimer>> TakeTimers(db::Connection& connection, int limit, Time now, Time lease_end) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(TakeSql(), Params::Of(now, limit, lease_end)));
  std::vector<HeldTimer> taken;
  for (int i = 0; i < rows.size(); ++i) {
    HeldTimer timer{.tenant = std::string(rows[i].Text(0)),
                    .rule_id = std::string(rows[i].Text(1)),
                    .enable_time = rows[i].TimeAt(2)};
    if (!rows[i].IsNull(3)) timer.scanned_until = rows[i].TimeAt(3);
    timer.time_zone = std::string(rows[i].Text(4));
    timer.rule = static_cast<const v1::Rule&>(*RuleTable().Read(rows[i], 5).message);
    taken.push_back(std::move(timer));
  }
  return taken;
}

absl::Status PutTimer(db::Connection& connection, const HeldTimer& timer, std::optional<Time> scanned_until,
                      Time next) {
  return connection
      .Exec(
          "UPDATE automation.timer SET scanned_until = $3::timestamptz, next_time = $4::timestamptz"
          " WHERE tenant_id = $1 AND rule_id = $2 AND enable_time = $5::timestamptz",
          Params::Of(timer.tenant, timer.rule_id, scanned_until, next, timer.enable_time))
      .status();
}

absl::Status HoldTimer(db::Connection& connection, const HeldTimer& timer, Time lease_end) {
  return connection
      .Exec(
          "UPDATE automation.timer SET next_time = $3::timestamptz WHERE tenant_id = $1 AND rule_id = $2"
          " AND enable_time = $4::timestamptz",
          Params::Of(timer.tenant, timer.rule_id, lease_end, timer.enable_time))
      .status();
}

}  // namespace embudo::automation::storage
