#include "services/pipeline/storage/tenancy_store.h"

#include <chrono>
#include <map>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::pipeline::storage {
namespace {

using v1::TenantLimits;
using v1::TenantStanding;

constexpr std::chrono::seconds kStatement{30};
constexpr std::chrono::minutes kLong{10};
/// Whose an event is when its tenant is no more; no tenant has that id.
constexpr char kNobody[] = "-";
constexpr char kStates[] = "STATE_";

constexpr char kMake[] =
    "INSERT INTO pipeline.tenant_standing (tenant_id) SELECT tenant_id FROM pipeline.tenant WHERE tenant_id = $1"
    " ON CONFLICT DO NOTHING";
constexpr char kRead[] =
    "SELECT state, reason, suspend_time, delete_time, purge_time, purged, revision FROM pipeline.tenant_standing"
    " WHERE tenant_id = $1 FOR UPDATE";
constexpr char kWrite[] =
    "UPDATE pipeline.tenant_standing SET state = $2, reason = $3, suspend_time = $4::timestamptz,"
    " delete_time = $5::timestamptz, purge_time = $6::timestamptz, revision = revision + 1 WHERE tenant_id = $1";
constexpr char kReadLimits[] =
    "SELECT reads_per_second, writes_per_second, bulk_per_second, streams, storage_bytes, limits_revision,"
    " (SELECT coalesce(sum(size_bytes), 0)::bigint FROM pipeline.attachment a WHERE a.tenant_id = $1"
    " AND a.delete_time IS NULL) FROM pipeline.tenant_standing WHERE tenant_id = $1 FOR UPDATE";
constexpr char kReadUses[] =
    "SELECT service, bytes, measure_time FROM pipeline.storage_use WHERE tenant_id = $1 ORDER BY service";
constexpr char kRecordUses[] =
    "INSERT INTO pipeline.storage_use (tenant_id, service, bytes, measure_time)"
    " SELECT t.tenant_id, $1, u.bytes, $4::timestamptz FROM unnest($2::text[], $3::bigint[]) AS u (tenant_id, bytes)"
    " JOIN pipeline.tenant t USING (tenant_id)"
    " ON CONFLICT (tenant_id, service) DO UPDATE SET bytes = excluded.bytes, measure_time = excluded.measure_time";
constexpr char kWriteLimits[] =
    "UPDATE pipeline.tenant_standing SET reads_per_second = $2, writes_per_second = $3, bulk_per_second = $4,"
    " streams = $5, storage_bytes = $6, limits_revision = limits_revision + 1 WHERE tenant_id = $1";

absl::Status CheckEtag(const std::string& etag, int64_t revision, const std::string& name) {
  return etag.empty() || etag == std::to_string(revision) ? absl::OkStatus() : StaleEtag(name);
}

TenantStanding StandingOf(const std::string& tenant, const db::Row& row) {
  TenantStanding standing;
  standing.set_name("tenants/" + tenant + "/standing");
  TenantStanding::State state = TenantStanding::STATE_UNSPECIFIED;
  TenantStanding::State_Parse(kStates + std::string(row.Text(0)), &state);
  standing.set_state(state);
  standing.set_reason(std::string(row.Text(1)));
  if (!row.IsNull(2)) *standing.mutable_suspend_time() = ToTimestamp(row.TimeAt(2));
  if (!row.IsNull(3)) *standing.mutable_delete_time() = ToTimestamp(row.TimeAt(3));
  if (!row.IsNull(4)) *standing.mutable_purge_time() = ToTimestamp(row.TimeAt(4));
  for (const std::string& service : row.TextArray(5)) standing.add_purged_services(service);
  standing.set_etag(std::to_string(row.Int(6)));
  return standing;
}

/// Adds what each service keeps; of this one, the bytes of files.
absl::Status AddStorageUses(db::Connection& connection, const std::string& tenant, int64_t files,
                            TenantLimits& limits) {
  v1::StorageUse& own = *limits.add_storage_uses();
  own.set_service("pipeline");
  own.set_bytes(files);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result uses, connection.Exec(kReadUses, db::Params::Of(tenant)));
  for (int i = 0; i < uses.size(); ++i) {
    v1::StorageUse& use = *limits.add_storage_uses();
    use.set_service(std::string(uses[i].Text(0)));
    use.set_bytes(uses[i].Int(1));
    *use.mutable_measure_time() = ToTimestamp(uses[i].TimeAt(2));
  }
  int64_t used = 0;
  for (const v1::StorageUse& use : limits.storage_uses()) used += use.bytes();
  limits.set_used_storage_bytes(used);
  return absl::OkStatus();
}

std::optional<Time> TimeOf(bool set, const google::protobuf::Timestamp& time) {
  return set ? std::optional(FromTimestamp(time)) : std::nullopt;
}

absl::Status WriteStanding(db::Connection& connection, const std::string& tenant, const TenantStanding& standing) {
  const std::string state = TenantStanding::State_Name(standing.state()).substr(sizeof kStates - 1);
  return connection
      .Exec(kWrite, db::Params::Of(tenant, state, standing.reason())
                        .Add(TimeOf(standing.has_suspend_time(), standing.suspend_time()))
                        .Add(TimeOf(standing.has_delete_time(), standing.delete_time()))
                        .Add(TimeOf(standing.has_purge_time(), standing.purge_time())))
      .status();
}

}  // namespace

const resource::Table& TenantOverviewTable() {
  static const resource::Table table(v1::TenantOverview::descriptor(), "pipeline.tenant_overview");
  return table;
}

absl::StatusOr<TenantStanding> ChangeStanding(db::Pool& pool, const std::string& tenant, const std::string& etag,
                                              bool validate_only, db::Deadline deadline,
                                              const std::function<absl::Status(TenantStanding&)>& change) {
  TenantStanding standing;
  const absl::Status done = db::RunInTx(pool, tenant, deadline, [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(connection.Exec(kMake, db::Params::Of(tenant)).status());
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kRead, db::Params::Of(tenant)));
    if (rows.empty()) return NotFound("embudo.dev/Tenant", "tenants/" + tenant);
    standing = StandingOf(tenant, rows[0]);
    EMBUDO_RETURN_IF_ERROR(CheckEtag(etag, rows[0].Int(6), standing.name()));
    const std::string before = standing.SerializeAsString();
    EMBUDO_RETURN_IF_ERROR(change(standing));
    if (standing.SerializeAsString() == before || validate_only) return absl::OkStatus();
    standing.set_etag(std::to_string(rows[0].Int(6) + 1));
    return WriteStanding(connection, tenant, standing);
  });
  if (!done.ok()) return done;
  return standing;
}

absl::StatusOr<TenantLimits> ChangeLimits(db::Pool& pool, const std::string& tenant, const std::string& etag,
                                          bool validate_only, db::Deadline deadline,
                                          const std::function<absl::Status(TenantLimits&)>& change) {
  TenantLimits limits;
  const absl::Status done = db::RunInTx(pool, tenant, deadline, [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(connection.Exec(kMake, db::Params::Of(tenant)).status());
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kReadLimits, db::Params::Of(tenant)));
    if (rows.empty()) return NotFound("embudo.dev/Tenant", "tenants/" + tenant);
    limits.Clear();
    limits.set_name("tenants/" + tenant + "/limits");
    limits.set_reads_per_second(rows[0].Int(0));
    limits.set_writes_per_second(rows[0].Int(1));
    limits.set_bulk_per_second(rows[0].Int(2));
    limits.set_streams(rows[0].Int(3));
    limits.set_storage_bytes(rows[0].Int(4));
    EMBUDO_RETURN_IF_ERROR(AddStorageUses(connection, tenant, rows[0].Int(6), limits));
    limits.set_etag(std::to_string(rows[0].Int(5)));
    EMBUDO_RETURN_IF_ERROR(CheckEtag(etag, rows[0].Int(5), limits.name()));
    const std::string before = limits.SerializeAsString();
    EMBUDO_RETURN_IF_ERROR(change(limits));
    if (limits.SerializeAsString() == before || validate_only) return absl::OkStatus();
    limits.set_etag(std::to_string(rows[0].Int(5) + 1));
    return connection
        .Exec(kWriteLimits, db::Params::Of(tenant, limits.reads_per_second(), limits.writes_per_second(),
                                           limits.bulk_per_second(), limits.streams(), limits.storage_bytes()))
        .status();
  });
  if (!done.ok()) return done;
  return limits;
}

absl::StatusOr<int64_t> LockStorage(db::Connection& connection, const std::string& tenant) {
  EMBUDO_RETURN_IF_ERROR(
      connection
          .Exec("SELECT pg_advisory_xact_lock(hashtextextended('embudo.storage.' || $1, 0))", db::Params::Of(tenant))
          .status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT (SELECT coalesce(sum(size_bytes), 0) FROM pipeline.attachment"
                                          " WHERE tenant_id = $1 AND delete_time IS NULL)::bigint"
                                          " + (SELECT coalesce(sum(bytes), 0) FROM pipeline.storage_use"
                                          " WHERE tenant_id = $1)::bigint",
                                          db::Params::Of(tenant)));
  return rows[0].Int(0);
}

absl::StatusOr<int64_t> StorageLimit(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT storage_bytes FROM pipeline.tenant_standing WHERE tenant_id = $1",
                                          db::Params::Of(tenant)));
  return rows.empty() ? 0 : rows[0].Int(0);
}

absl::Status RecordStorageUse(db::Pool& pool, const v1::RecordStorageUseRequest& request, db::Deadline deadline) {
  std::vector<std::string> tenants;
  std::vector<std::string> bytes;
  for (const auto& use : request.uses()) {
    tenants.push_back(IdOf(use.name()));
    bytes.push_back(std::to_string(use.bytes()));
  }
  return db::Exec(pool, "", deadline, kRecordUses,
                  db::Params::Of(request.service(), tenants, bytes, FromTimestamp(request.measure_time())))
      .status();
}

absl::Status BeginPurges(db::Pool& pool, Time now) {
  return db::Exec(pool, "", db::After(kStatement),
                  "UPDATE pipeline.tenant_standing SET state = 'PURGING', revision = revision + 1"
                  " WHERE state = 'DELETED' AND purge_time <= $1",
                  db::Params::Of(now))
      .status();
}

absl::Status RecordPurge(db::Pool& pool, const std::string& tenant, const std::string& service, db::Deadline deadline) {
  return db::Exec(pool, "", deadline,
                  "UPDATE pipeline.tenant_standing SET purged = purged || $2 WHERE tenant_id = $1"
                  " AND state = 'PURGING' AND NOT $2 = ANY(purged)",
                  db::Params::Of(tenant, service))
      .status();
}

absl::StatusOr<std::vector<Purge>> Purges(db::Pool& pool, const std::vector<std::string>& services) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, "", db::After(kStatement),
                                   "SELECT tenant_id, purge_step FROM pipeline.tenant_standing"
                                   " WHERE state = 'PURGING' AND purged @> $1::text[] ORDER BY tenant_id",
                                   db::Params::Of(services)));
  std::vector<Purge> purges;
  for (int i = 0; i < rows.size(); ++i) purges.push_back({std::string(rows[i].Text(0)), std::string(rows[i].Text(1))});
  return purges;
}

absl::StatusOr<bool> HasPendingEvents(db::Pool& pool, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, "", db::After(kStatement), "SELECT FROM pipeline.event_pending WHERE tenant_id = $1 LIMIT 1",
               db::Params::Of(tenant)));
  return !rows.empty();
}

absl::StatusOr<std::string> BlankEvents(db::Pool& pool, const std::string& tenant) {
  type::v1::Event blank;
  blank.set_tenant(kNobody);
  const std::string data = blank.SerializeAsString();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result days,
      db::Exec(pool, "", db::After(kLong), "SELECT DISTINCT day::text FROM pipeline.event WHERE tenant_id = $1",
               db::Params::Of(tenant)));
  std::string step;
  for (int i = 0; i < days.size(); ++i) {
    const std::string day(days[i].Text(0));
    // The views join both tables by tenant, so both change at once.
    const absl::Status done = db::RunInTx(pool, "", db::After(kLong), [&](db::Connection& connection) -> absl::Status {
      EMBUDO_RETURN_IF_ERROR(connection
                                 .Exec("UPDATE pipeline.event SET tenant_id = $3, data = $4 WHERE tenant_id = $1"
                                       " AND day = $2::date",
                                       db::Params::Of(tenant, day, kNobody).AddBytes(data))
                                 .status());
      return connection
          .Exec("UPDATE pipeline.event_position SET tenant_id = $3 WHERE tenant_id = $1 AND day = $2::date",
                db::Params::Of(tenant, day, kNobody))
          .status();
    });
    if (!done.ok()) return done;
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result wanted,
      db::Exec(pool, "", db::After(kStatement),
               "UPDATE pipeline.event_head h SET resend_wanted = resend_wanted + 1 FROM (SELECT partition FROM"
               " pipeline.event_head WHERE position > 0 AND partition >= (SELECT first_partition FROM"
               " pipeline.event_epoch WHERE close_time IS NULL) ORDER BY partition FOR UPDATE) l"
               " WHERE h.partition = l.partition RETURNING h.partition || ':' || h.resend_wanted",
               {}));
  for (int i = 0; i < wanted.size(); ++i) step += (step.empty() ? "" : ",") + std::string(wanted[i].Text(0));
  return "streams " + step;
}

absl::Status SaveStep(db::Pool& pool, const Purge& purge) {
  return db::Exec(pool, "", db::After(kStatement),
                  "UPDATE pipeline.tenant_standing SET purge_step = $2 WHERE tenant_id = $1",
                  db::Params::Of(purge.tenant, purge.step))
      .status();
}

absl::StatusOr<bool> AreStreamsFilled(db::Pool& pool, const std::string& step) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result missing,
      db::Exec(
          pool, "", db::After(kStatement),
          "SELECT FROM unnest(string_to_array(split_part($1, ' ', 2), ',')) w JOIN pipeline.event_head h"
          " ON h.partition = split_part(w, ':', 1)::smallint"
          " WHERE h.resend_done < split_part(w, ':', 2)::bigint"
          // Streams of a closed epoch are dropped, not filled.
          " AND h.partition >= (SELECT first_partition FROM pipeline.event_epoch WHERE close_time IS NULL) LIMIT 1",
          db::Params::Of(step)));
  return missing.empty();
}

absl::Status ForgetTenant(db::Pool& pool, const std::string& tenant) {
  return db::RunInTx(pool, "", db::After(kStatement), [&](db::Connection& connection) -> absl::Status {
    for (const char* sql : {"DELETE FROM pipeline.tenant WHERE tenant_id = $1",
                            "DELETE FROM pipeline.tenant_standing WHERE tenant_id = $1"}) {
      EMBUDO_RETURN_IF_ERROR(connection.Exec(sql, db::Params::Of(tenant)).status());
    }
    return absl::OkStatus();
  });
}

absl::Status AddAuditEntries(db::Pool& pool, const std::string& tenant, const std::vector<AuditRow>& rows,
                             db::Deadline deadline) {
  return db::RunInTx(pool, tenant, deadline, [&](db::Connection& connection) -> absl::Status {
    for (const AuditRow& row : rows) {
      const embudo::rpc::AuditRecord& record = row.record;
      EMBUDO_RETURN_IF_ERROR(
          connection
              .Exec("INSERT INTO pipeline.audit_entry (tenant_id, audit_entry_id, create_time, actor, roles, method,"
                    " subject, code, reason, call_id, peer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                    " ON CONFLICT DO NOTHING",
                    db::Params::Of(tenant, row.id, row.time, record.actor, record.roles, record.method, record.resource,
                                   record.code, record.reason, record.call_id, record.peer))
              .status());
    }
    return absl::OkStatus();
  });
}

}  // namespace embudo::pipeline::storage
