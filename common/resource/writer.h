#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/grouping.h"
#include "common/db/pool.h"
#include "common/resource/change.h"

namespace embudo::resource {

/// What a change came to.
struct Written {
  /// The request_id was used before: this is the first answer, and nothing was done now.
  std::unique_ptr<google::protobuf::Message> replayed;
};

/// Writes changes. A change, its event, its request_id and its external ids are one statement, and that statement takes
/// many changes as well as one: changes that wait at the same moment (of one tenant and table, never two of one record)
/// go to the database together, in one round trip and one commit. If such a group fails, its members are written one by
/// one, so that only the bad ones fail. Thread-safe; the calling thread does the work (the first of a group leads it).
class Writer {
 public:
  struct Options {
    /// Groups on their way at once.
    int parallel = 2;
    /// Changes in a group.
    size_t group_size = 64;
  };

  Writer(db::Pool& pool, Options options);
  explicit Writer(db::Pool& pool) : Writer(pool, Options()) {}

  /// Called after each commit, with what was written.
  using CommitCallback = std::function<void(const std::string& tenant, const Table& table)>;
  void OnCommit(CommitCallback callback) { on_commit_ = std::move(callback); }

  /// Writes one change. ABORTED, reason VERSION_CHANGED: the record is no longer at expected_version (read again and
  /// retry); ALREADY_EXISTS: a new record's id or external id is taken; INVALID_ARGUMENT, reason REQUEST_ID_REUSED.
  absl::StatusOr<Written> Write(const std::string& tenant, Change change, db::Deadline deadline);
  /// Writes records that belong together, all or none, in the order given: a lead and what came with it. The first
  /// bears the request_id. Bundles that wait at the same moment and are of the same tables go to the database together,
  /// one statement for each place in the bundle, in one commit. Errors as Write's.
  absl::StatusOr<Written> WriteBundle(const std::string& tenant, std::vector<Change> changes, db::Deadline deadline);
  /// The same for several bundles that come at once. Each with its outcome.
  std::vector<absl::StatusOr<Written>> WriteBundles(const std::string& tenant, std::vector<std::vector<Change>> bundles,
                                                    db::Deadline deadline);
  /// Runs in the transaction of the changes, after them and before the commit. May run several times.
  using InTransaction = std::function<absl::Status(db::Connection&)>;
  /// Writes several, all or none, in one transaction, in the order given; changes that stand beside each other, of one
  /// table and all new or none new, are one statement. No two of one record. Errors as Write's.
  absl::Status WriteAll(const std::string& tenant, const std::vector<Change>& changes, db::Deadline deadline,
                        const InTransaction& also = {});
  /// The same for a call whose request_id is in the first change: if that was used before, its answer goes into
  /// `answer`.
  absl::Status WriteTogether(const std::string& tenant, const std::vector<Change>& changes, db::Deadline deadline,
                             const InTransaction& also, google::protobuf::Message* answer);
  /// The answer that the change's request_id got within the last 24 hours, into `answer`; false if there is none.
  /// INVALID_ARGUMENT, reason REQUEST_ID_REUSED, if it was for another request.
  absl::StatusOr<bool> FindAnswer(const std::string& tenant, const Change& change, google::protobuf::Message* answer,
                                  db::Deadline deadline);
  /// Keeps the answer of a call that changed nothing, so that its request_id is used up too.
  absl::Status KeepAnswer(const std::string& tenant, const Change& change, db::Deadline deadline);

 private:
  /// Changes of one call: written together, or not at all.
  struct Bundle {
    std::string tenant;
    std::vector<Change> changes;
    db::Deadline deadline;
    /// Whether its first was; otherwise its request_id was used before, or its version has moved.
    bool written = false;
  };

  absl::Status TryAll(const std::string& tenant, const std::vector<const Change*>& changes, db::Deadline deadline,
                      const InTransaction& also);
  absl::Status WriteAll(const std::string& tenant, const std::vector<const Change*>& changes, db::Deadline deadline,
                        const InTransaction& also);
  /// Bundles join that can be written together: of one tenant, and the same kinds of changes in the same order.
  Grouping<Bundle>::Joins NewGroup() const;
  absl::Status WriteGroup(const std::vector<Bundle*>& group);
  /// What its call is told.
  absl::StatusOr<Written> OutcomeOf(const Bundle& bundle, const absl::Status& status);
  /// Runs the statement by itself. The keys of the records that were written.
  absl::StatusOr<std::set<std::string>> Commit(const std::string& tenant, const std::vector<const Change*>& changes,
                                               db::Deadline deadline);
  /// The same of bundles, in a transaction: all of them or none.
  absl::StatusOr<std::set<std::string>> CommitBundles(const std::vector<Bundle*>& group, db::Deadline deadline);

  db::Pool& pool_;
  const Options options_;
  CommitCallback on_commit_;
  Grouping<Bundle> groups_;
};

/// The write statement of a table, for new records or for changed ones; for tests that EXPLAIN it.
std::string WriteStatement(const Table& table, bool insert, bool with_events);

}  // namespace embudo::resource
