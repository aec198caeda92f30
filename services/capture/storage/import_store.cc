#include "services/capture/storage/import_store.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/db/served.h"

namespace embudo::capture::storage {
namespace {

using db::OrNull;
using db::Params;
using v1::ImportMetadata;

constexpr char kColumns[] =
    "tenant_id, import_id, file_id, actor, mapping, state, progress, phase, position, error, cancel_requested, "
    "attempts,"
    " request_id, request_hash, undoes";

constexpr std::string_view kStatePrefix = "STATE_";

std::string StateText(ImportMetadata::State state) {
  return ImportMetadata::State_Name(state).substr(kStatePrefix.size());
}

ImportMetadata::State StateOf(std::string_view text) {
  ImportMetadata::State state = ImportMetadata::STATE_UNSPECIFIED;
  ImportMetadata::State_Parse(std::string(kStatePrefix) + std::string(text), &state);
  return state;
}

/// What its operation shows, serialised.
std::string ShownBy(const ImportJob& job) {
  return job.undoes.empty() ? job.progress.SerializeAsString() : job.undo.SerializeAsString();
}

ImportJob Read(const db::Row& row) {
  ImportJob job;
  job.tenant = row.Text(0);
  job.id = row.Text(1);
  job.file_id = row.Text(2);
  job.actor = row.Text(3);
  job.mapping.ParseFromString(row.Bytes(4));
  job.undoes = row.Text(14);
  if (job.undoes.empty()) {
    job.progress.ParseFromString(row.Bytes(6));
  } else {
    job.undo.ParseFromString(row.Bytes(6));
  }
  job.progress.set_state(StateOf(row.Text(5)));
  job.undo.set_state(job.progress.state());
  job.links = row.Text(7) == "LINKS";
  job.position = row.Int(8);
  job.error.ParseFromString(row.Bytes(9));
  job.cancel_requested = row.Bool(10);
  job.attempts = static_cast<int>(row.Int(11));
  job.request_id = row.Text(12);
  job.request_hash = row.Bytes(13);
  return job;
}

absl::Status NoImport(const std::string& id) { return NotFound("embudo.dev/Operation", "operations/" + id); }

bool IsDone(ImportMetadata::State state) {
  return state != ImportMetadata::STATE_QUEUED && state != ImportMetadata::STATE_RUNNING;
}

}  // namespace

absl::StatusOr<ImportJob> ImportStore::Create(ImportJob job, Time now, db::Deadline deadline) {
  job.id = Uuid::V7(now).ToString();
  job.progress.set_state(ImportMetadata::STATE_QUEUED);
  *job.progress.mutable_create_time() = ToTimestamp(now);
  job.undo.set_state(ImportMetadata::STATE_QUEUED);
  *job.undo.mutable_create_time() = ToTimestamp(now);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result inserted,
      db::Exec(
          pool_, job.tenant, deadline,
          "INSERT INTO capture.import_job (tenant_id, import_id, file_id, actor, mapping, dry_run, state, progress,"
          " phase, position, error, cancel_requested, attempts, lease_owner, request_id, request_hash, create_time,"
          " undoes)"
          " VALUES ($1, $2::uuid, $3::uuid, $4, $5::bytea, $6::boolean, 'QUEUED', $7::bytea, 'RECORDS', 0, '',"
          " false, 0, '', $8::uuid, $9::bytea, $10::timestamptz, $11::uuid) ON CONFLICT DO NOTHING",
          Params::Of(job.tenant, job.id, job.file_id, job.actor)
              .AddBytes(job.mapping.SerializeAsString())
              .Add(job.progress.dry_run())
              .AddBytes(ShownBy(job))
              .Add(OrNull(job.request_id))
              .AddBytes(job.request_hash)
              .Add(now)
              .Add(OrNull(job.undoes))));
  if (inserted.affected() == 1) return job;
  // A retry of this very statement, or a repeated request.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, job.tenant, deadline,
                                                          std::string("SELECT ") + kColumns +
                                                              " FROM capture.import_job WHERE tenant_id = $1"
                                                              " AND (import_id = $2::uuid OR request_id = $3::uuid)",
                                                          Params::Of(job.tenant, job.id).Add(OrNull(job.request_id))));
  if (rows.empty()) return Internal("import_job: neither inserted nor found");
  ImportJob first = Read(rows[0]);
  if (first.request_hash == job.request_hash) return first;
  return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED", "the request_id was used for another request")
      .Field("request_id", "was used for another request");
}

absl::StatusOr<ImportJob> ImportStore::Get(const std::string& tenant, const std::string& id, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   std::string("SELECT ") + kColumns +
                                       " FROM capture.import_job WHERE tenant_id = $1 AND import_id = $2::uuid",
                                   Params::Of(tenant, id)));
  if (rows.empty()) return NoImport(id);
  return Read(rows[0]);
}

absl::StatusOr<std::vector<ImportJob>> ImportStore::List(const std::string& tenant, const std::string& before,
                                                         int limit, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, tenant, deadline,
               std::string("SELECT ") + kColumns +
                   " FROM capture.import_job WHERE tenant_id = $1 AND ($2::uuid IS NULL OR import_id < $2::uuid)"
                   " ORDER BY import_id DESC LIMIT $3::int",
               Params::Of(tenant).Add(OrNull(before)).Add(limit)));
  std::vector<ImportJob> jobs;
  for (int i = 0; i < rows.size(); ++i) jobs.push_back(Read(rows[i]));
  return jobs;
}

absl::StatusOr<ImportJob> ImportStore::Cancel(const std::string& tenant, const std::string& id, Time now,
                                              db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(ImportJob job, Get(tenant, id, deadline));
  job.progress.set_state(ImportMetadata::STATE_CANCELLED);
  *job.progress.mutable_end_time() = ToTimestamp(now);
  job.undo.set_state(ImportMetadata::STATE_CANCELLED);
  *job.undo.mutable_end_time() = ToTimestamp(now);
  EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, tenant, deadline,
                                  "UPDATE capture.import_job SET cancel_requested = true,"
                                  " progress = CASE WHEN state = 'QUEUED' THEN $3::bytea ELSE progress END,"
                                  " state = CASE WHEN state = 'QUEUED' THEN 'CANCELLED' ELSE state END"
                                  " WHERE tenant_id = $1 AND import_id = $2::uuid AND state IN ('QUEUED', 'RUNNING')",
                                  Params::Of(tenant, id).AddBytes(ShownBy(job)))
                             .status());
  return Get(tenant, id, deadline);
}

absl::StatusOr<std::vector<RowResults>> ImportStore::Results(const std::string& tenant, const std::string& id,
                                                             int64_t after, int limit, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, tenant, deadline,
               "SELECT first_row, last_row, lines FROM capture.import_result WHERE tenant_id = $1"
               " AND import_id = $2::uuid AND last_row > $3::bigint ORDER BY first_row LIMIT $4::int",
               Params::Of(tenant, id, after, limit)));
  std::vector<RowResults> results;
  for (int i = 0; i < rows.size(); ++i) {
    results.push_back({rows[i].Int(0), rows[i].Int(1), std::string(rows[i].Text(2))});
  }
  return results;
}

absl::StatusOr<std::vector<Refusal>> ImportStore::Refusals(const std::string& tenant, const std::string& id,
                                                           int64_t after, int limit, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   "SELECT row_number, line FROM capture.import_refusal"
                                   " WHERE tenant_id = $1 AND import_id = $2::uuid AND row_number > $3::bigint"
                                   " ORDER BY row_number LIMIT $4::int",
                                   Params::Of(tenant, id, after, limit)));
  std::vector<Refusal> refusals;
  for (int i = 0; i < rows.size(); ++i) refusals.push_back({rows[i].Int(0), std::string(rows[i].Text(1))});
  return refusals;
}

absl::StatusOr<std::optional<ImportJob>> ImportStore::Take(const std::string& owner, Time now, Time until,
                                                           db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, "", deadline,
               std::string("UPDATE capture.import_job SET state = 'RUNNING', lease_owner = $1,"
                           " lease_until = $3::timestamptz, attempts = attempts + 1"
                           " WHERE (tenant_id, import_id) = (SELECT tenant_id, import_id FROM capture.import_job q"
                           " WHERE state IN ('QUEUED', 'RUNNING')"
                           " AND (lease_until IS NULL OR lease_until < $2::timestamptz)" EMBUDO_SERVED(
                               "q") " ORDER BY create_time LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ") +
                   kColumns,
               Params::Of(owner, now, until)));
  if (rows.empty()) return std::optional<ImportJob>();
  return std::optional<ImportJob>(Read(rows[0]));
}

absl::Status ImportStore::Save(ImportJob* job, const std::string& owner, Time until,
                               const std::vector<Refusal>& refusals, const RowResults& results, db::Deadline deadline) {
  const bool done = IsDone(job->progress.state());
  bool must_wait = false;
  const absl::Status saved = db::RunInTx(pool_, "", deadline, [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        connection.Exec("UPDATE capture.import_job j SET state = $4, progress = $5::bytea, phase = $6,"
                        " position = $7::bigint, error = $8::bytea, lease_until = $9::timestamptz,"
                        " lease_owner = CASE WHEN $9::timestamptz IS NULL THEN '' ELSE lease_owner END"
                        " WHERE tenant_id = $1 AND import_id = $2::uuid AND lease_owner = $3"
                        " RETURNING cancel_requested, " EMBUDO_CLOSED("j"),
                        Params::Of(job->tenant, job->id, owner, StateText(job->progress.state()))
                            .AddBytes(ShownBy(*job))
                            .Add(job->links ? "LINKS" : "RECORDS")
                            .Add(job->position)
                            .AddBytes(job->error.SerializeAsString())
                            .Add(done ? std::nullopt : std::optional<Time>(until))));
    if (rows.empty()) {
      return Error(absl::StatusCode::kAborted, "LEASE_LOST", "another worker has taken the import up");
    }
    job->cancel_requested = rows[0].Bool(0);
    must_wait = rows[0].Bool(1);
    if (!results.lines.empty()) {
      EMBUDO_RETURN_IF_ERROR(
          connection
              .Exec("INSERT INTO capture.import_result (tenant_id, import_id, first_row, last_row,"
                    " lines) VALUES ($1, $2::uuid, $3::bigint, $4::bigint, $5)"
                    " ON CONFLICT DO NOTHING",
                    Params::Of(job->tenant, job->id, results.first_row, results.last_row, results.lines))
              .status());
    }
    if (refusals.empty()) return absl::OkStatus();
    std::vector<std::string> numbers;
    std::vector<std::string> lines;
    for (const Refusal& refusal : refusals) {
      numbers.push_back(std::to_string(refusal.row_number));
      lines.push_back(refusal.line);
    }
    return connection
        .Exec(
            "INSERT INTO capture.import_refusal (tenant_id, import_id, row_number, line)"
            " SELECT $1, $2::uuid, r.number, r.line FROM unnest($3::bigint[], $4::text[]) AS r (number, line)"
            " ON CONFLICT DO NOTHING",
            Params::Of(job->tenant, job->id, numbers, lines))
        .status();
  });
  EMBUDO_RETURN_IF_ERROR(saved);
  if (!must_wait || done) return absl::OkStatus();
  return Error(absl::StatusCode::kCancelled, "IMPORT_INTERRUPTED", "its tenant is not served");
}

absl::Status ImportStore::Release(const ImportJob& job, const std::string& owner, db::Deadline deadline) {
  return db::Exec(pool_, "", deadline,
                  "UPDATE capture.import_job SET lease_until = NULL, lease_owner = ''"
                  " WHERE tenant_id = $1 AND import_id = $2::uuid AND lease_owner = $3",
                  Params::Of(job.tenant, job.id, owner))
      .status();
}

absl::Status ImportStore::ForgetRequestIds(Time before, db::Deadline deadline) {
  for (const char* table : {"import_job", "submission"}) {
    EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, "", deadline,
                                    std::string("UPDATE capture.") + table +
                                        " SET request_id = NULL WHERE request_id IS NOT NULL"
                                        " AND create_time < $1::timestamptz",
                                    Params::Of(before))
                               .status());
  }
  return db::Exec(pool_, "", deadline, "DELETE FROM capture.request WHERE create_time < $1::timestamptz",
                  Params::Of(before))
      .status();
}

}  // namespace embudo::capture::storage
