#include "services/reporting/storage/rollup.h"

#include <algorithm>

#include "common/base/error.h"
#include "services/reporting/storage/names.h"

namespace embudo::reporting::storage {
namespace {

// The columns that every rollup's key begins with.
constexpr char kFixedKey[] = "t.kind, t.state, t.archived::text";
constexpr int kFixedColumns = 3;

constexpr char kLockShared[] =
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('embudo.rollup/' || t, 0)) FROM unnest($1::text[]) AS t";
constexpr char kLock[] = "SELECT pg_advisory_xact_lock(hashtextextended('embudo.rollup/' || $1, 0))";

constexpr char kKept[] =
    "SELECT tenant_id, rollup_id, cube, columns, row_count FROM reporting.rollup"
    " WHERE tenant_id = ANY($1::text[]) AND phase IN ('BUILDING', 'READY') ORDER BY tenant_id, rollup_id";
constexpr char kReady[] =
    "SELECT tenant_id, rollup_id, cube, columns, row_count FROM reporting.rollup"
    " WHERE tenant_id = $1 AND cube = $2 AND phase = 'READY' AND columns @> $3::text[] ORDER BY row_count, rollup_id";
constexpr char kAllReady[] =
    "SELECT tenant_id, rollup_id, cube, columns, row_count FROM reporting.rollup"
    " WHERE tenant_id = $1 AND phase = 'READY' ORDER BY rollup_id";

// One that was found too fine may be worth another look when a day has passed.
constexpr char kKnown[] =
    "SELECT FROM reporting.rollup WHERE tenant_id = $1 AND cube = $2 AND columns = $3::text[]"
    " AND (phase <> 'TOO_FINE' OR create_time > now() - interval '1 day')";
constexpr char kForgetTooFine[] =
    "DELETE FROM reporting.rollup WHERE tenant_id = $1 AND cube = $2 AND columns = $3::text[] AND phase = 'TOO_FINE'";
constexpr char kInsert[] =
    "INSERT INTO reporting.rollup (tenant_id, cube, columns, phase) VALUES ($1, $2, $3::text[], 'BUILDING')"
    " RETURNING rollup_id";
constexpr char kFinish[] =
    "UPDATE reporting.rollup SET phase = $3, row_count = $4 WHERE tenant_id = $1 AND rollup_id = $2";
constexpr char kDropRows[] = "DELETE FROM reporting.rollup_row WHERE tenant_id = $1 AND rollup_id = $2";
constexpr char kDrop[] = "DELETE FROM reporting.rollup WHERE tenant_id = $1 AND rollup_id = $2";
constexpr char kEvict[] =
    "DELETE FROM reporting.rollup WHERE tenant_id = $1 AND rollup_id IN (SELECT rollup_id FROM reporting.rollup"
    " WHERE tenant_id = $1 AND phase = 'READY' ORDER BY last_use_time DESC OFFSET $2::int)";

constexpr char kTouch[] =
    "UPDATE reporting.rollup SET last_use_time = now()"
    " WHERE tenant_id = $1 AND rollup_id = $2 AND last_use_time < now() - interval '1 hour'";
constexpr char kDropAll[] = "DELETE FROM reporting.rollup WHERE tenant_id = $1";
constexpr char kSweep[] =
    "DELETE FROM reporting.rollup WHERE (phase = 'BUILDING' AND create_time < now() - interval '15 minutes')"
    " OR last_use_time < now() - interval '30 days'";
constexpr char kSweepRows[] =
    "DELETE FROM reporting.rollup_row r USING (SELECT DISTINCT tenant_id, rollup_id FROM reporting.rollup_row"
    " EXCEPT SELECT tenant_id, rollup_id FROM reporting.rollup) gone"
    " WHERE r.tenant_id = gone.tenant_id AND r.rollup_id = gone.rollup_id";

// Ends with the transaction; the session's later batches find it again.
constexpr char kMakeDelta[] =
    "CREATE TEMPORARY TABLE rollup_delta (tenant_id text, rollup_id bigint, key text[],"
    " c1 bigint, c2 bigint, c3 bigint, c4 bigint, c5 bigint, a1 numeric, a2 numeric, a3 numeric, a4 numeric)"
    " ON COMMIT DELETE ROWS";

std::string MeasureList(const std::string& prefix, const std::string& before, const std::string& after) {
  std::string list;
  for (const std::string& name : MeasureNames()) list += ", " + before + prefix + name + after;
  return list;
}

// Groups that come out as they were are left alone. In order of the key, so that two batches never wait for each other.
std::string MergeStatement() {
  std::string sums;
  std::string changed;
  std::string set;
  std::string names;
  for (const std::string& name : MeasureNames()) {
    names += ", " + name;
    sums += ", sum(" + name + ")";
    changed += (changed.empty() ? "" : " OR ") + std::string("sum(") + name + ") <> 0";
    set += (set.empty() ? "" : ", ") + name + " = r." + name + " + excluded." + name;
  }
  return "INSERT INTO reporting.rollup_row AS r (tenant_id, rollup_id, part, key_id, key" + names +
         ") SELECT tenant_id, rollup_id, 1, md5(key::text)::uuid AS key_id, key" + sums +
         " FROM rollup_delta GROUP BY tenant_id, rollup_id, key HAVING " + changed +
         " ORDER BY tenant_id, rollup_id, key_id"
         " ON CONFLICT (tenant_id, rollup_id, part, key_id) DO UPDATE SET " +
         set;
}

Rollup ReadRollup(const db::Row& row) {
  return {.tenant = std::string(row.Text(0)),
          .id = row.Int(1),
          .cube = CubeNamed(std::string(row.Text(2))).value_or(Cube::kLead),
          .columns = row.TextArray(3),
          .row_count = row.Int(4)};
}

std::vector<Column> ColumnsOf(const std::vector<std::string>& names, const Settings& settings) {
  std::vector<Column> columns;
  for (const std::string& name : names) {
    if (auto column = ColumnNamed(name, settings)) columns.push_back(*std::move(column));
  }
  return columns;
}

/// The columns of several rollups, each once.
std::vector<Column> UnionOf(const std::vector<const Rollup*>& rollups, const Settings& settings) {
  std::set<std::string> names;
  for (const Rollup* rollup : rollups) names.insert(rollup->columns.begin(), rollup->columns.end());
  return ColumnsOf({names.begin(), names.end()}, settings);
}

/// The facts with arrays for sets, a row a record.
std::string SelectWhole(Cube cube, const std::vector<Column>& columns, const Settings& settings,
                        const std::string& where) {
  std::string sql = "SELECT l.tenant_id, l.kind, l.state, l.archived";
  for (const Column& column : columns) sql += ", " + column.sql + " AS " + QuoteName("k:" + column.name);
  for (const Measure& measure : MeasuresOf(cube, settings)) sql += ", " + measure.sql + " AS " + measure.name;
  return sql + FactsFrom(cube, columns) + " WHERE " + where;
}

/// `SELECT 7, ARRAY[…] FROM …`: the key that a record, `t`, has in a rollup; several where it is by a set.
std::string SelectKey(const Rollup& rollup, const Settings& settings) {
  std::string key = kFixedKey;
  std::string from;
  for (const Column& column : ColumnsOf(rollup.columns, settings)) {
    std::string value = "t." + QuoteName("k:" + column.name);
    if (column.set) {
      const std::string alias = "s" + std::to_string(from.size());
      from += (from.empty() ? " FROM (SELECT) one" : "") + std::string(" LEFT JOIN LATERAL unnest(") + value + ") AS " +
              alias + "(value) ON TRUE";
      value = alias + ".value";
    }
    key += ", coalesce(" + value + "::text, '')";
  }
  return "SELECT " + std::to_string(rollup.id) + "::bigint AS id, ARRAY[" + key + "] AS key" + from;
}

/// What records add to rollups of one cube, not summed: id, key and measures.
std::string SelectChanges(const std::vector<const Rollup*>& rollups, const Settings& settings, const std::string& where,
                          const std::string& sign) {
  std::string keys;
  for (const Rollup* rollup : rollups) keys += (keys.empty() ? "" : " UNION ALL ") + SelectKey(*rollup, settings);
  return "SELECT t.tenant_id AS tenant_id, r.id AS id, r.key AS key" + MeasureList("t.", sign, "") + " FROM (" +
         SelectWhole(rollups[0]->cube, UnionOf(rollups, settings), settings, where) + ") t CROSS JOIN LATERAL (" +
         keys + ") r";
}

/// Registers a rollup and takes the snapshot that its first part is of: in the moment in which no batch of events is
/// under way, so that each is in either the one part or the other. The rollup's id is 0 if it is known already.
absl::Status Register(db::Connection& registrar, db::Connection& builder, const std::string& tenant, Cube cube,
                      const std::vector<std::string>& columns, bool again, Rollup* rollup, Settings* settings) {
  EMBUDO_RETURN_IF_ERROR(registrar.ExecScript("BEGIN"));
  EMBUDO_RETURN_IF_ERROR(HoldEvents(registrar, tenant));
  const db::Params what = db::Params::Of(tenant, CubeName(cube), columns);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result known, registrar.Exec(kKnown, what));
  if (!known.empty() && !again) return registrar.ExecScript("ROLLBACK");
  EMBUDO_RETURN_IF_ERROR(registrar.Exec(kForgetTooFine, what).status());
  EMBUDO_ASSIGN_OR_RETURN(*settings, LoadSettings(registrar, tenant));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result made, registrar.Exec(kInsert, what));
  *rollup = {.tenant = tenant, .id = made[0].Int(0), .cube = cube, .columns = columns};
  EMBUDO_RETURN_IF_ERROR(
      builder.ExecScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM reporting.rollup LIMIT 0"));
  return registrar.ExecScript("COMMIT");
}

/// The first part, in the builder's transaction. How many rows it has.
absl::StatusOr<int64_t> WriteFirstPart(db::Connection& builder, const Rollup& rollup, const Settings& settings) {
  std::string names;
  std::string sums;
  for (const std::string& name : MeasureNames()) {
    names += ", " + name;
    sums += ", sum(" + name + ")";
  }
  const std::string sql = "INSERT INTO reporting.rollup_row (tenant_id, rollup_id, part, key_id, key" + names +
                          ") SELECT tenant_id, id, 0, md5(key::text)::uuid, key" + sums + " FROM (" +
                          SelectKeys(rollup, settings) + ") c GROUP BY tenant_id, id, key ORDER BY key";
  EMBUDO_RETURN_IF_ERROR(builder.ExecScript("SET LOCAL work_mem = '" + std::string(kFactsMemory) + "'"));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result written, builder.ExecVarying(sql, db::Params::Of(rollup.tenant)));
  return written.affected();
}

}  // namespace

absl::StatusOr<std::optional<Rollup>> FindRollup(db::Connection& connection, const std::string& tenant, Cube cube,
                                                 const std::vector<std::string>& columns, const Settings& settings) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kReady, db::Params::Of(tenant, CubeName(cube), columns)));
  for (int i = 0; i < rows.size(); ++i) {
    Rollup rollup = ReadRollup(rows[i]);
    const bool doubles = std::any_of(rollup.columns.begin(), rollup.columns.end(), [&](const std::string& name) {
      const auto column = ColumnNamed(name, settings);
      return column && column->set && std::find(columns.begin(), columns.end(), name) == columns.end();
    });
    if (!doubles) return std::optional(std::move(rollup));
  }
  return std::optional<Rollup>();
}

std::string NameOf(const Column& column) { return QuoteName(column.set ? "one:" + column.name : column.name); }

std::string SelectRollup(const Rollup& rollup, const std::vector<Column>& columns) {
  std::string sql = "SELECT r.key[1] AS kind, r.key[2] AS state, r.key[3] = 'true' AS archived";
  for (const Column& column : columns) {
    if (column.name == "kind" || column.name == "state" || column.name == "archived") continue;
    const auto place = std::find(rollup.columns.begin(), rollup.columns.end(), column.name);
    const auto number = kFixedColumns + 1 + (place - rollup.columns.begin());
    sql += ", nullif(r.key[" + std::to_string(number) + "], '')::" + column.type + " AS " + NameOf(column);
  }
  return sql + MeasureList("r.", "", "") +
         " FROM reporting.rollup_row r WHERE r.tenant_id = $1 AND r.rollup_id = " + std::to_string(rollup.id);
}

std::string SelectFacts(Cube cube, const std::vector<Column>& columns, const Settings& settings,
                        const std::string& where) {
  std::string sql = "SELECT l.*";
  std::string joins;
  for (const Column& column : columns) {
    std::string value = column.sql;
    if (column.set) {
      const std::string alias = "s" + std::to_string(joins.size());
      joins += " LEFT JOIN LATERAL unnest(" + value + ") AS " + alias + "(value) ON TRUE";
      value = alias + ".value";
    }
    // What is a column of the lead is there already.
    if (value != "l." + column.name) sql += ", " + value + " AS " + NameOf(column);
  }
  for (const Measure& measure : MeasuresOf(cube, settings)) sql += ", " + measure.sql + " AS " + measure.name;
  return sql + FactsFrom(cube, columns) + joins + " WHERE " + where;
}

std::string SelectKeys(const Rollup& rollup, const Settings& settings) {
  const std::string of = rollup.cube == Cube::kLead ? "l" : "x";
  return SelectChanges({&rollup}, settings, of + ".tenant_id = $1", "");
}

absl::Status HoldEvents(db::Connection& connection, const std::string& tenant) {
  return connection.Exec(kLock, db::Params::Of(tenant)).status();
}

namespace {

absl::StatusOr<bool> Build(db::Pool& pool, const std::string& tenant, Cube cube,
                           const std::vector<std::string>& columns, bool again, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease registrar, pool.Acquire("", deadline));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease builder, pool.Acquire("", deadline));
  Rollup rollup;
  Settings settings;
  absl::Status status = Register(*registrar, *builder, tenant, cube, columns, again, &rollup, &settings);
  absl::StatusOr<int64_t> rows = 0;
  if (status.ok() && rollup.id != 0) {
    rows = WriteFirstPart(*builder, rollup, settings);
    status = rows.status();
  }
  const bool kept = status.ok() && rollup.id != 0 && *rows <= kMaxRollupRows;
  if (builder->in_transaction()) {
    const absl::Status end = builder->ExecScript(kept ? "COMMIT" : "ROLLBACK");
    if (status.ok()) status = end;
  }
  if (registrar->in_transaction()) registrar->ExecScript("ROLLBACK").IgnoreError();
  if (rollup.id == 0) return status.ok() ? absl::StatusOr<bool>(false) : status;
  if (!status.ok()) {
    registrar->Exec(kDrop, db::Params::Of(tenant, rollup.id)).status().IgnoreError();
    return status;
  }
  EMBUDO_RETURN_IF_ERROR(
      registrar->Exec(kFinish, db::Params::Of(tenant, rollup.id, kept ? "READY" : "TOO_FINE", *rows)).status());
  // What has been added to one that is not kept.
  if (!kept) EMBUDO_RETURN_IF_ERROR(registrar->Exec(kDropRows, db::Params::Of(tenant, rollup.id)).status());
  EMBUDO_RETURN_IF_ERROR(registrar->Exec(kEvict, db::Params::Of(tenant, kMaxRollups)).status());
  return kept;
}

}  // namespace

absl::StatusOr<bool> BuildRollup(db::Pool& pool, const std::string& tenant, Cube cube,
                                 const std::vector<std::string>& columns, db::Deadline deadline) {
  return Build(pool, tenant, cube, columns, false, deadline);
}

absl::Status ReplaceRollup(db::Pool& pool, const Rollup& old, db::Deadline deadline) {
  EMBUDO_RETURN_IF_ERROR(Build(pool, old.tenant, old.cube, old.columns, true, deadline).status());
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool.Acquire("", deadline));
  EMBUDO_RETURN_IF_ERROR(lease->Exec(kDrop, db::Params::Of(old.tenant, old.id)).status());
  return lease->Exec(kDropRows, db::Params::Of(old.tenant, old.id)).status();
}

absl::Status TouchRollup(db::Connection& connection, const Rollup& rollup) {
  return connection.Exec(kTouch, db::Params::Of(rollup.tenant, rollup.id)).status();
}

absl::Status DropRollups(db::Connection& connection, const std::string& tenant) {
  return connection.Exec(kDropAll, db::Params::Of(tenant)).status();
}

absl::Status SweepRollups(db::Connection& connection) {
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kSweep).status());
  return connection.Exec(kSweepRows).status();
}

absl::StatusOr<std::vector<Rollup>> ListRollups(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kAllReady, db::Params::Of(tenant)));
  std::vector<Rollup> rollups;
  for (int i = 0; i < rows.size(); ++i) rollups.push_back(ReadRollup(rows[i]));
  return rollups;
}

absl::StatusOr<RollupChange> RollupChange::Begin(db::Connection& connection,
                                                 const std::map<std::string, std::set<std::string>>& leads) {
  RollupChange change;
  if (leads.empty()) return change;
  std::vector<std::string> tenants;
  for (const auto& [tenant, ids] : leads) tenants.push_back(tenant);
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kLockShared, db::Params::Of(tenants)).status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kKept, db::Params::Of(tenants)));
  for (int i = 0; i < rows.size(); ++i) {
    Rollup rollup = ReadRollup(rows[i]);
    change.tenants_[rollup.tenant].rollups.push_back(std::move(rollup));
  }
  for (auto& [tenant, of_tenant] : change.tenants_) {
    EMBUDO_ASSIGN_OR_RETURN(of_tenant.settings, LoadSettings(connection, tenant));
    const auto& ids = leads.at(tenant);
    of_tenant.leads.assign(ids.begin(), ids.end());
  }
  if (change.tenants_.empty()) return change;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result there,
                          connection.Exec("SELECT to_regclass('pg_temp.rollup_delta') IS NOT NULL"));
  if (!there[0].Bool(0)) EMBUDO_RETURN_IF_ERROR(connection.ExecScript(kMakeDelta));
  return change;
}

absl::Status RollupChange::Drop(db::Connection& connection, const std::string& tenant) {
  tenants_.erase(tenant);
  return DropRollups(connection, tenant);
}

absl::Status RollupChange::Gather(db::Connection& connection, int sign) {
  for (const auto& [tenant, of_tenant] : tenants_) {
    for (const Cube cube : {Cube::kLead, Cube::kActivity, Cube::kStay}) {
      std::vector<const Rollup*> rollups;
      for (const Rollup& rollup : of_tenant.rollups) {
        if (rollup.cube == cube) rollups.push_back(&rollup);
      }
      if (rollups.empty()) continue;
      const std::string of = cube == Cube::kLead ? "l" : "x";
      const std::string where = of + ".tenant_id = $1 AND " + of + ".lead_id = ANY($2::uuid[])";
      const std::string sql =
          "INSERT INTO rollup_delta " + SelectChanges(rollups, of_tenant.settings, where, sign < 0 ? "-" : "");
      EMBUDO_RETURN_IF_ERROR(connection.ExecVarying(sql, db::Params::Of(tenant, of_tenant.leads)).status());
    }
  }
  return absl::OkStatus();
}

absl::Status RollupChange::PutIn(db::Connection& connection) {
  if (tenants_.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(Gather(connection, 1));
  static const auto* const merge = new std::string(MergeStatement());
  return connection.Exec(*merge).status();
}

}  // namespace embudo::reporting::storage
