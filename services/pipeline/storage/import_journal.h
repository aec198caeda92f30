#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "common/resource/change.h"
#include "embudo/type/v1/import.pb.h"

namespace embudo::pipeline::storage {

/// A row of the journal: a record that an import created or changed.
struct ImportWrite {
  int64_t seq = 0;
  std::string record;
  bool created = false;
  int64_t revision = 0;
  /// Of a changed record: the paths, and serialised records with their values before and after.
  std::vector<std::string> fields;
  std::string before;
  std::string after;
};

/// Puts the changes into the journal of the import; in their transaction.
absl::Status JournalWrites(db::Connection& connection, const std::string& tenant, const std::string& import,
                           const std::vector<resource::Change>& changes);

/// The last entries that are not settled, `limit` of them and all others of their records, by record; each record's
/// oldest first.
absl::StatusOr<std::map<std::string, std::vector<ImportWrite>>> LastWrites(db::Pool& pool, const std::string& tenant,
                                                                           const std::string& import, int limit,
                                                                           db::Deadline deadline);
/// What an undo did with a record: DELETED, RESTORED or nothing, and why it left something alone.
struct Settled {
  std::string record;
  std::string outcome;
  std::string kept_reason;
  std::vector<std::string> kept_fields;
};
/// Marks all entries of these records as dealt with.
absl::Status SettleWrites(db::Connection& connection, const std::string& tenant, const std::string& import,
                          const std::string& undo, const std::vector<Settled>& records);
/// What an undo has done.
struct UndoFigures {
  int64_t deleted = 0;
  int64_t restored = 0;
  int64_t kept = 0;
  /// The first 1,000 of which something was left alone.
  std::vector<Settled> kept_records;
};
absl::StatusOr<UndoFigures> FiguresOf(db::Pool& pool, const std::string& tenant, const std::string& import,
                                      const std::string& undo, db::Deadline deadline);

/// Adds an event to the log that tells of an import, once a step.
absl::Status RecordImportStep(db::Pool& pool, const std::string& tenant, const std::string& step,
                              const type::v1::Event& event, db::Deadline deadline);

/// A stay in a stage that another system kept.
struct Stay {
  std::string lead_id;
  std::string stage;
  Time enter_time;
};
/// Keeps stays; those that are there stay. How many are new.
absl::StatusOr<int64_t> KeepStays(db::Connection& connection, const std::string& tenant, const std::string& import,
                                  const std::vector<Stay>& stays);
/// The stays of a lead, in their order.
absl::StatusOr<std::vector<Stay>> StaysOf(db::Pool& pool, const std::string& tenant, const std::string& lead_id,
                                          db::Deadline deadline);
/// Which of these stays are there already, in their order.
absl::StatusOr<std::vector<bool>> KnowsStays(db::Pool& pool, const std::string& tenant, const std::vector<Stay>& stays,
                                             db::Deadline deadline);
/// Removes the stays that the import brought. How many.
absl::StatusOr<int64_t> RemoveStays(db::Pool& pool, const std::string& tenant, const std::string& import,
                                    db::Deadline deadline);

}  // namespace embudo::pipeline::storage
