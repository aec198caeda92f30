#include "services/automation/storage/operations.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/db/served.h"

namespace embudo::automation::storage {
namespace {

#define EMBUDO_OPERATION_COLUMNS                                                                               \
  "o.tenant_id, o.operation_id, o.request, o.state, o.total, o.done, o.cancel_requested, o.response, o.error," \
  " o.create_time, o.end_time"

constexpr char kMake[] =
    "INSERT INTO automation.operation (tenant_id, operation_id, request, state, lease_until, create_time, response,"
    " end_time) VALUES ($1, $2::uuid, $3::bytea, $4, $5::timestamptz, $5::timestamptz, nullif($6::bytea, ''::bytea),"
    " $7::timestamptz) ON CONFLICT DO NOTHING";
constexpr char kGet[] =
    "SELECT " EMBUDO_OPERATION_COLUMNS " FROM automation.operation o WHERE tenant_id = $1 AND operation_id = $2::uuid";
constexpr char kList[] =
    "SELECT " EMBUDO_OPERATION_COLUMNS
    " FROM automation.operation o WHERE tenant_id = $1 AND ($2 = '' OR (create_time, operation_id) <"
    " (SELECT create_time, operation_id FROM automation.operation WHERE tenant_id = $1"
    " AND operation_id = nullif($2, '')::uuid)) ORDER BY create_time DESC, operation_id DESC LIMIT $3::int";
constexpr char kCancel[] =
    "UPDATE automation.operation SET cancel_requested = true,"
    " state = CASE state WHEN 'QUEUED' THEN 'CANCELLED' ELSE state END,"
    " end_time = CASE state WHEN 'QUEUED' THEN $3::timestamptz END"
    " WHERE tenant_id = $1 AND operation_id = $2::uuid AND state IN ('QUEUED', 'RUNNING')";
constexpr char kTake[] =
    "UPDATE automation.operation o SET state = 'RUNNING', lease_until = $2::timestamptz FROM ("
    "SELECT tenant_id, operation_id FROM automation.operation q WHERE state IN ('QUEUED', 'RUNNING')"
    " AND lease_until <= $1::timestamptz AND NOT EXISTS (SELECT FROM automation.operation r"
    " WHERE r.tenant_id = q.tenant_id AND r.state = 'RUNNING' AND r.lease_until > $1::timestamptz)"
    EMBUDO_SERVED("q")
    " ORDER BY create_time LIMIT 1 FOR UPDATE SKIP LOCKED) AS due"
    " WHERE o.tenant_id = due.tenant_id AND o.operation_id = due.operation_id RETURNING " EMBUDO_OPERATION_COLUMNS;
constexpr char kKeep[] =
    "UPDATE automation.operation o SET total = $3::bigint, done = $4::bigint, lease_until = CASE WHEN "
    EMBUDO_CLOSED("o")
    " THEN $6::timestamptz ELSE $5::timestamptz END WHERE tenant_id = $1 AND operation_id = $2::uuid"
    " RETURNING cancel_requested, "
    EMBUDO_CLOSED("o");
constexpr char kEnd[] =
    "UPDATE automation.operation SET state = $3, total = $4::bigint, done = $5::bigint, end_time = $6::timestamptz,"
    " response = nullif($7::bytea, ''::bytea), error = nullif($8::bytea, ''::bytea)"
    " WHERE tenant_id = $1 AND operation_id = $2::uuid";

// The day moves on under a condition, so of two replicas one starts the run.
constexpr char kDue[] =
    "UPDATE automation.assignment_settings s SET last_daily_date = d.today, version = s.version + 1,"
    " revision = s.revision + 1 FROM ("
    " SELECT a.tenant_id, to_char($1::timestamptz AT TIME ZONE coalesce(t.time_zone, 'UTC'), 'YYYY-MM-DD') AS today,"
    " ($1::timestamptz AT TIME ZONE coalesce(t.time_zone, 'UTC'))::time AS now_time"
    " FROM automation.assignment_settings a LEFT JOIN automation.tenant t USING (tenant_id) WHERE a.daily) d"
    " WHERE s.tenant_id = d.tenant_id AND s.daily AND s.last_daily_date < d.today"
    " AND d.now_time >= make_time(coalesce((s.daily_time->>'hours')::int, 0) % 24,"
    " coalesce((s.daily_time->>'minutes')::int, 0), 0) RETURNING s.tenant_id, s.last_daily_date";

Operation Read(const db::Row& row) {
  Operation operation;
  operation.tenant = row.Text(0);
  operation.id = row.Text(1);
  operation.request.ParseFromString(row.Bytes(2));
  operation.state = row.Text(3);
  operation.total = row.Int(4);
  operation.done = row.Int(5);
  operation.cancel_requested = row.Bool(6);
  if (!row.IsNull(7)) operation.response.emplace().ParseFromString(row.Bytes(7));
  if (!row.IsNull(8)) operation.error = row.Bytes(8);
  operation.create_time = row.TimeAt(9);
  if (!row.IsNull(10)) operation.end_time = row.TimeAt(10);
  return operation;
}

std::string ResponseOf(const Operation& operation) {
  return operation.response ? operation.response->SerializeAsString() : std::string();
}

}  // namespace

absl::StatusOr<Operation> MakeOperation(db::Connection& connection, const Operation& operation) {
  db::Params params = db::Params::Of(operation.tenant, operation.id);
  params.AddBytes(operation.request.SerializeAsString());
  params.Add(operation.state).Add(operation.create_time);
  params.AddBytes(ResponseOf(operation));
  params.Add(operation.end_time);
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kMake, params).status());
  EMBUDO_ASSIGN_OR_RETURN(Operation there, GetOperation(connection, operation.tenant, operation.id));
  if (there.request.SerializeAsString() != operation.request.SerializeAsString()) {
    return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED", "the request_id was used for another request")
        .Field("request_id", "was used for another request");
  }
  return there;
}

absl::StatusOr<Operation> GetOperation(db::Connection& connection, const std::string& tenant, const std::string& id) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kGet, db::Params::Of(tenant, id)));
  if (rows.empty()) return NotFound("embudo.dev/Operation", "operations/" + id);
  return Read(rows[0]);
}

absl::StatusOr<std::vector<Operation>> ListOperations(db::Connection& connection, const std::string& tenant,
                                                      const std::string& before, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kList, db::Params::Of(tenant, before, limit)));
  std::vector<Operation> operations;
  for (int i = 0; i < rows.size(); ++i) operations.push_back(Read(rows[i]));
  return operations;
}

absl::StatusOr<Operation> CancelOperation(db::Connection& connection, const std::string& tenant, const std::string& id,
                                          Time now) {
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kCancel, db::Params::Of(tenant, id, now)).status());
  return GetOperation(connection, tenant, id);
}

absl::StatusOr<std::optional<Operation>> TakeOperation(db::Connection& connection, Time now,
                                                       std::chrono::seconds lease) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTake, db::Params::Of(now, now + lease)));
  if (rows.empty()) return std::nullopt;
  return Read(rows[0]);
}

absl::StatusOr<bool> KeepOperation(db::Connection& connection, const Operation& operation, Time now,
                                   std::chrono::seconds lease) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kKeep, db::Params::Of(operation.tenant, operation.id, operation.total,
                                                                operation.done, now + lease, now)));
  if (!rows.empty() && rows[0].Bool(1)) return absl::UnavailableError("its tenant is not served");
  return rows.empty() || rows[0].Bool(0);
}

absl::Status EndOperation(db::Connection& connection, const Operation& operation) {
  db::Params params = db::Params::Of(operation.tenant, operation.id, operation.state, operation.total, operation.done,
                                     operation.end_time);
  params.AddBytes(ResponseOf(operation)).AddBytes(operation.error);
  return connection.Exec(kEnd, params).status();
}

absl::Status StartDailyRuns(db::Connection& connection, Time now) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result due, connection.Exec(kDue, db::Params::Of(now)));
  for (int i = 0; i < due.size(); ++i) {
    Operation operation;
    operation.tenant = due[i].Text(0);
    operation.id =
        Uuid::V5(EmbudoUuidSpace(), "daily assignment " + operation.tenant + " " + std::string(due[i].Text(1)))
            .ToString();
    operation.state = "QUEUED";
    operation.create_time = now;
    operation.request.set_working_hours(false);
    EMBUDO_RETURN_IF_ERROR(MakeOperation(connection, operation).status());
  }
  return absl::OkStatus();
}

}  // namespace embudo::automation::storage
