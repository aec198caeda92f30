#include "services/capture/storage/file_store.h"

#include "common/base/error.h"
#include "common/base/ids.h"

namespace embudo::capture::storage {

using db::Params;

absl::StatusOr<std::string> FileStore::Begin(const std::string& tenant, const std::string& filename, Time now,
                                             db::Deadline deadline) {
  const std::string id = Uuid::V7(now).ToString();
  EMBUDO_RETURN_IF_ERROR(
      db::Exec(pool_, tenant, deadline,
               "INSERT INTO capture.file (tenant_id, file_id, filename, size_bytes, sha256, complete,"
               " create_time) VALUES ($1, $2::uuid, $3, 0, '', false, $4::timestamptz)"
               " ON CONFLICT DO NOTHING",
               Params::Of(tenant, id, filename, now))
          .status());
  return id;
}

absl::Status FileStore::Append(const std::string& tenant, const std::string& id, int number, std::string_view bytes,
                               db::Deadline deadline) {
  return db::Exec(pool_, tenant, deadline,
                  "INSERT INTO capture.file_chunk (tenant_id, file_id, number, bytes)"
                  " VALUES ($1, $2::uuid, $3::int, $4::bytea) ON CONFLICT DO NOTHING",
                  Params::Of(tenant, id, number).AddBytes(bytes))
      .status();
}

absl::Status FileStore::Complete(const std::string& tenant, const std::string& id, int64_t size_bytes,
                                 const std::string& sha256, db::Deadline deadline) {
  return db::Exec(pool_, tenant, deadline,
                  "UPDATE capture.file SET size_bytes = $3::bigint, sha256 = $4, complete = true"
                  " WHERE tenant_id = $1 AND file_id = $2::uuid",
                  Params::Of(tenant, id, size_bytes, sha256))
      .status();
}

absl::Status FileStore::Remove(const std::string& tenant, const std::string& id, db::Deadline deadline) {
  return db::Exec(pool_, tenant, deadline, "DELETE FROM capture.file WHERE tenant_id = $1 AND file_id = $2::uuid",
                  Params::Of(tenant, id))
      .status();
}

absl::StatusOr<v1::File> FileStore::Get(const std::string& tenant, const std::string& id, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   "SELECT filename, size_bytes, sha256, create_time FROM capture.file"
                                   " WHERE tenant_id = $1 AND file_id = $2::uuid AND complete",
                                   Params::Of(tenant, id)));
  v1::File file;
  file.set_name("files/" + id);
  if (rows.empty()) return NotFound("embudo.dev/File", file.name());
  file.set_filename(std::string(rows[0].Text(0)));
  file.set_size_bytes(rows[0].Int(1));
  file.set_sha256(std::string(rows[0].Text(2)));
  *file.mutable_create_time() = ToTimestamp(rows[0].TimeAt(3));
  return file;
}

absl::StatusOr<std::optional<std::string>> FileStore::Read(const std::string& tenant, const std::string& id, int number,
                                                           db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   "SELECT bytes FROM capture.file_chunk"
                                   " WHERE tenant_id = $1 AND file_id = $2::uuid AND number = $3::int",
                                   Params::Of(tenant, id, number)));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows[0].Bytes(0));
}

absl::Status FileStore::RemoveIncomplete(Time before, db::Deadline deadline) {
  return db::Exec(pool_, "", deadline, "DELETE FROM capture.file WHERE NOT complete AND create_time < $1::timestamptz",
                  Params::Of(before))
      .status();
}

}  // namespace embudo::capture::storage
