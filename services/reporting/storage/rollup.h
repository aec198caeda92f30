#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/reporting/storage/columns.h"

namespace embudo::reporting::storage {

/// A sum that is kept of a tenant's facts, by some columns beside kind, state and archived. See reporting.rollup.
struct Rollup {
  std::string tenant;
  int64_t id = 0;
  Cube cube = Cube::kLead;
  std::vector<std::string> columns;
  int64_t row_count = 0;
};

/// Most rows of one rollup, and most rollups of a tenant: those used longest ago make place.
inline constexpr int64_t kMaxRollupRows = 50000;
inline constexpr int kMaxRollups = 48;

/// PostgreSQL's work_mem where the facts are read: its default is too little to join a million leads with their stays
/// in memory, and going by two indexes instead takes three times as long.
inline constexpr char kFactsMemory[] = "64MB";

/// The smallest rollup that has these columns, and no set beside them; nullopt if none is ready.
absl::StatusOr<std::optional<Rollup>> FindRollup(db::Connection& connection, const std::string& tenant, Cube cube,
                                                 const std::vector<std::string>& columns, const Settings& settings);

/// What a column is called in these; an element of a set differs from the set (`"one:tags"`).
std::string NameOf(const Column& column);
/// The rows of a rollup as the facts would be: `SELECT … FROM reporting.rollup_row`, with the columns asked for and the
/// measures.
std::string SelectRollup(const Rollup& rollup, const std::vector<Column>& columns);
/// The same of the facts, with all columns of the lead; `where` is over `l` and `x`. Sets give a row an element.
std::string SelectFacts(Cube cube, const std::vector<Column>& columns, const Settings& settings,
                        const std::string& where);

/// What each fact adds to a rollup: `key` and the measures. $1 is the tenant.
std::string SelectKeys(const Rollup& rollup, const Settings& settings);
/// Keeps batches of events of the tenant from being taken in until the transaction ends.
absl::Status HoldEvents(db::Connection& connection, const std::string& tenant);

/// Makes a rollup out of the facts, while events go on being taken in. True if it is kept; false if it would have too
/// many rows, or another has it or is making it. As the worker role.
absl::StatusOr<bool> BuildRollup(db::Pool& pool, const std::string& tenant, Cube cube,
                                 const std::vector<std::string>& columns, db::Deadline deadline);
/// Makes a rollup anew, which takes the old one's place when it is ready.
absl::Status ReplaceRollup(db::Pool& pool, const Rollup& old, db::Deadline deadline);
/// Tells that a rollup is used.
absl::Status TouchRollup(db::Connection& connection, const Rollup& rollup);
/// Drops all rollups of a tenant: reports read the facts until they are made again.
absl::Status DropRollups(db::Connection& connection, const std::string& tenant);
/// Drops what is half made since long ago, what nobody has used for a month, and rows of dropped rollups.
absl::Status SweepRollups(db::Connection& connection);
/// Every rollup that is ready.
absl::StatusOr<std::vector<Rollup>> ListRollups(db::Connection& connection, const std::string& tenant);

/// What a batch of events adds to the rollups: the facts of some leads are taken out as they are before it, and put in
/// as they are after it. In one transaction, as the worker role.
class RollupChange {
 public:
  /// Reads the rollups of the tenants, and holds them until the transaction ends. `leads`: ids by tenant.
  static absl::StatusOr<RollupChange> Begin(db::Connection& connection,
                                            const std::map<std::string, std::set<std::string>>& leads);
  /// Drops those of a tenant among them.
  absl::Status Drop(db::Connection& connection, const std::string& tenant);
  /// Nothing if no tenant has rollups.
  absl::Status TakeOut(db::Connection& connection) { return Gather(connection, -1); }
  absl::Status PutIn(db::Connection& connection);

 private:
  struct OfTenant {
    std::vector<Rollup> rollups;
    Settings settings;
    std::vector<std::string> leads;
  };
  absl::Status Gather(db::Connection& connection, int sign);

  std::map<std::string, OfTenant> tenants_;
};

}  // namespace embudo::reporting::storage
