#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "embudo/capture/v1/import_service.pb.h"

namespace embudo::capture::storage {

/// Uploaded files in PostgreSQL, in pieces. Works with the pool of either role. Thread-safe.
class FileStore {
 public:
  explicit FileStore(db::Pool& pool) : pool_(pool) {}

  /// Begins a file; it can't be read before Complete. Returns its id.
  absl::StatusOr<std::string> Begin(const std::string& tenant, const std::string& filename, Time now,
                                    db::Deadline deadline);
  /// Adds a piece; they are numbered from 0. The same piece again does nothing.
  absl::Status Append(const std::string& tenant, const std::string& id, int number, std::string_view bytes,
                      db::Deadline deadline);
  absl::Status Complete(const std::string& tenant, const std::string& id, int64_t size_bytes, const std::string& sha256,
                        db::Deadline deadline);
  absl::Status Remove(const std::string& tenant, const std::string& id, db::Deadline deadline);

  /// NOT_FOUND for one that is not complete, too.
  absl::StatusOr<v1::File> Get(const std::string& tenant, const std::string& id, db::Deadline deadline);
  /// A piece; nullopt after the last.
  absl::StatusOr<std::optional<std::string>> Read(const std::string& tenant, const std::string& id, int number,
                                                  db::Deadline deadline);
  /// Removes what was given up on its way before `before`.
  absl::Status RemoveIncomplete(Time before, db::Deadline deadline);

 private:
  db::Pool& pool_;
};

}  // namespace embudo::capture::storage
