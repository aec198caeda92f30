#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "embudo/capture/v1/import_service.pb.h"
#include "google/rpc/status.pb.h"

namespace embudo::capture::storage {

/// An import as it is kept.
struct ImportJob {
  std::string tenant;
  /// UUID; the operation is `operations/{id}`.
  std::string id;
  std::string file_id;
  /// Who asked for it.
  std::string actor;
  v1::ImportMapping mapping;
  /// The id of the import that it takes back; empty: it is an import itself.
  std::string undoes;
  /// Of one that takes another back: all that its operation shows.
  v1::UndoImportMetadata undo;
  /// All that its operation shows, its state too.
  v1::ImportMetadata progress;
  /// In the second reading of the file.
  bool links = false;
  /// Rows of this reading that are done.
  int64_t position = 0;
  google::rpc::Status error;
  bool cancel_requested = false;
  int attempts = 0;
  /// Of the request that asked for it, empty or a UUID.
  std::string request_id;
  /// SHA-256 of the request.
  std::string request_hash;
};

/// What became of rows, in the order of the file: a line of text each.
struct RowResults {
  int64_t first_row = 0;
  int64_t last_row = 0;
  std::string lines;
};

/// A refused row, as a line of CSV.
struct Refusal {
  int64_t row_number = 0;
  std::string line;
};

/// Imports in PostgreSQL: the row is the truth, and whoever holds its lease works on it. The RPCs use it with the pool
/// of capture_rpc, the worker with that of capture_worker. Thread-safe.
class ImportStore {
 public:
  explicit ImportStore(db::Pool& pool) : pool_(pool) {}

  /// Queues an import. A repeated request_id returns the first one (INVALID_ARGUMENT, REQUEST_ID_REUSED, if it asked
  /// for something else).
  absl::StatusOr<ImportJob> Create(ImportJob job, Time now, db::Deadline deadline);
  /// NOT_FOUND if there is none.
  absl::StatusOr<ImportJob> Get(const std::string& tenant, const std::string& id, db::Deadline deadline);
  /// The newest first; those with a smaller id than `before` (empty: all).
  absl::StatusOr<std::vector<ImportJob>> List(const std::string& tenant, const std::string& before, int limit,
                                              db::Deadline deadline);
  /// A queued one is cancelled at once, a running one at its next checkpoint. One that is done stays as it is.
  absl::StatusOr<ImportJob> Cancel(const std::string& tenant, const std::string& id, Time now, db::Deadline deadline);
  /// In the order of the file, those with a row after `after`.
  absl::StatusOr<std::vector<RowResults>> Results(const std::string& tenant, const std::string& id, int64_t after,
                                                  int limit, db::Deadline deadline);
  /// In the order of the file, those after row `after`.
  absl::StatusOr<std::vector<Refusal>> Refusals(const std::string& tenant, const std::string& id, int64_t after,
                                                int limit, db::Deadline deadline);

  /// The oldest import that waits, or whose worker is gone, now leased to `owner`; nullopt if there is none.
  absl::StatusOr<std::optional<ImportJob>> Take(const std::string& owner, Time now, Time until, db::Deadline deadline);
  /// Keeps a checkpoint: progress, position and error as in `job`, and what became of the rows since the last one; and
  /// prolongs the lease, or ends it if the job is done. `*job` learns whether it is to be cancelled. ABORTED, reason
  /// LEASE_LOST, if somebody else has taken it: then nothing was kept.
  absl::Status Save(ImportJob* job, const std::string& owner, Time until, const std::vector<Refusal>& refusals,
                    const RowResults& results, db::Deadline deadline);
  /// Gives the lease back, so that another worker goes on at once.
  absl::Status Release(const ImportJob& job, const std::string& owner, db::Deadline deadline);
  /// Forgets the request ids of imports and submissions from before `before`.
  absl::Status ForgetRequestIds(Time before, db::Deadline deadline);

 private:
  db::Pool& pool_;
};

}  // namespace embudo::capture::storage
