#include "services/scoring/storage/jobs.h"

#include "common/base/error.h"
#include "common/db/served.h"

namespace embudo::scoring::storage {
namespace {

#define EMBUDO_JOB_COLUMNS "tenant_id, job_id, kind, state, total, done, cancel_requested, create_time, end_time, error"

constexpr char kMake[] =
    "INSERT INTO scoring.job (tenant_id, job_id, kind, state, total, create_time)"
    " VALUES ($1, $2::uuid, $3, $4, $5::bigint, $6::timestamptz) ON CONFLICT DO NOTHING";
constexpr char kGet[] = "SELECT " EMBUDO_JOB_COLUMNS " FROM scoring.job WHERE tenant_id = $1 AND job_id = $2::uuid";
constexpr char kList[] =
    "SELECT " EMBUDO_JOB_COLUMNS
    " FROM scoring.job WHERE tenant_id = $1 AND ($2 = '' OR (create_time, job_id) <"
    " (SELECT create_time, job_id FROM scoring.job WHERE tenant_id = $1 AND job_id = nullif($2, '')::uuid))"
    " ORDER BY create_time DESC, job_id DESC LIMIT $3::int";
constexpr char kOpen[] = "SELECT " EMBUDO_JOB_COLUMNS
                         " FROM scoring.job WHERE tenant_id = $1 AND kind = $2 AND state IN ('QUEUED', 'RUNNING')"
                         " ORDER BY state = 'QUEUED' DESC, create_time LIMIT 1";
constexpr char kCancel[] =
    "UPDATE scoring.job SET cancel_requested = true,"
    " state = CASE state WHEN 'QUEUED' THEN 'CANCELLED' ELSE state END,"
    " end_time = CASE state WHEN 'QUEUED' THEN $3::timestamptz END"
    " WHERE tenant_id = $1 AND job_id = $2::uuid AND state IN ('QUEUED', 'RUNNING')";
constexpr char kTake[] =
    "UPDATE scoring.job j SET state = 'RUNNING', lease_until = $2::timestamptz FROM ("
    "SELECT tenant_id, job_id FROM scoring.job q WHERE state IN ('QUEUED', 'RUNNING')"
    " AND lease_until <= $1::timestamptz"
    EMBUDO_SERVED("q")
    " ORDER BY lease_until, create_time LIMIT 1 FOR UPDATE SKIP LOCKED) AS due"
    " WHERE j.tenant_id = due.tenant_id AND j.job_id = due.job_id"
    " RETURNING j.tenant_id, j.job_id, j.kind, j.state, j.total, j.done, j.cancel_requested, j.create_time,"
    " j.end_time, j.error";
constexpr char kKeep[] =
    "UPDATE scoring.job SET total = $3::bigint, done = $4::bigint, lease_until = $5::timestamptz"
    " WHERE tenant_id = $1 AND job_id = $2::uuid RETURNING cancel_requested";
constexpr char kEnd[] =
    "UPDATE scoring.job SET state = $3, total = $4::bigint, done = $5::bigint, end_time = $6::timestamptz,"
    " error = nullif($7::bytea, ''::bytea) WHERE tenant_id = $1 AND job_id = $2::uuid";

Job Read(const db::Row& row) {
  Job job;
  job.tenant = row.Text(0);
  job.id = row.Text(1);
  job.kind = row.Text(2);
  job.state = row.Text(3);
  job.total = row.Int(4);
  job.done = row.Int(5);
  job.cancel_requested = row.Bool(6);
  job.create_time = row.TimeAt(7);
  if (!row.IsNull(8)) job.end_time = row.TimeAt(8);
  if (!row.IsNull(9)) job.error = row.Bytes(9);
  return job;
}

}  // namespace

absl::StatusOr<Job> MakeJob(db::Connection& connection, const Job& job) {
  EMBUDO_RETURN_IF_ERROR(
      connection.Exec(kMake, db::Params::Of(job.tenant, job.id, job.kind, job.state, job.total, job.create_time))
          .status());
  EMBUDO_ASSIGN_OR_RETURN(Job there, GetJob(connection, job.tenant, job.id));
  if (there.kind != job.kind) {
    return Error(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "the request_id was another request's");
  }
  return there;
}

absl::StatusOr<Job> GetJob(db::Connection& connection, const std::string& tenant, const std::string& id) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kGet, db::Params::Of(tenant, id)));
  if (rows.empty()) return NotFound("embudo.dev/Operation", "operations/" + id);
  return Read(rows[0]);
}

absl::StatusOr<std::vector<Job>> ListJobs(db::Connection& connection, const std::string& tenant,
                                          const std::string& before, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kList, db::Params::Of(tenant, before, limit)));
  std::vector<Job> jobs;
  for (int i = 0; i < rows.size(); ++i) jobs.push_back(Read(rows[i]));
  return jobs;
}

absl::StatusOr<std::optional<Job>> OpenJob(db::Connection& connection, const std::string& tenant,
                                           const std::string& kind) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kOpen, db::Params::Of(tenant, kind)));
  if (rows.empty()) return std::nullopt;
  return Read(rows[0]);
}

absl::StatusOr<Job> CancelJob(db::Connection& connection, const std::string& tenant, const std::string& id, Time now) {
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kCancel, db::Params::Of(tenant, id, now)).status());
  return GetJob(connection, tenant, id);
}

absl::StatusOr<std::optional<Job>> TakeJob(db::Connection& connection, Time now, std::chrono::seconds lease) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTake, db::Params::Of(now, now + lease)));
  if (rows.empty()) return std::nullopt;
  return Read(rows[0]);
}

absl::StatusOr<bool> KeepJob(db::Connection& connection, const Job& job, Time now, std::chrono::seconds lease) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kKeep, db::Params::Of(job.tenant, job.id, job.total, job.done, now + lease)));
  return rows.empty() || rows[0].Bool(0);
}

absl::Status EndJob(db::Connection& connection, const Job& job) {
  return connection
      .Exec(kEnd, db::Params::Of(job.tenant, job.id, job.state, job.total, job.done, job.end_time).AddBytes(job.error))
      .status();
}

}  // namespace embudo::scoring::storage
