#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "services/reporting/storage/facts.h"
#include "services/reporting/storage/rollup.h"

namespace embudo::reporting::storage {

/// Compares the facts with the pipeline's records and their history, and puts them right. As the worker role.

/// A range of lead ids: after the one, up to the other. Empty: from the start, to the end.
struct LeadRange {
  std::string after;
  std::string last;
};
/// The range of the next leads; `last` is empty at the end.
absl::StatusOr<LeadRange> NextRange(db::Connection& connection, const std::string& tenant, const std::string& after,
                                    int leads);

/// What was compared, and the leads of which it differs.
struct Compared {
  int64_t leads = 0, activities = 0, touches = 0, stays = 0;
  int64_t changes = 0;  ///< in the histories that were read
  std::set<std::string> lead_differences, activity_differences, touch_differences, stay_differences;
  /// Of the leads whose stays differ: as their history has them.
  std::map<LeadKey, logic::Stays> true_stays;

  /// All leads of which something differs.
  std::set<std::string> All() const;
};
/// Of a range; or of some leads, if there are any.
absl::StatusOr<Compared> CompareRange(db::Connection& connection, const std::string& tenant, const LeadRange& range,
                                      const std::set<std::string>& only = {});
/// Puts right what differs, and the rollups with it. In the caller's transaction, in which no events of the tenant are
/// taken in.
absl::StatusOr<Compared> RepairRange(db::Connection& connection, const std::string& tenant, const LeadRange& range);

/// What differs of a lead, in words.
absl::StatusOr<std::string> Describe(db::Connection& connection, const std::string& tenant, const std::string& lead,
                                     const Compared& compared);

/// Rows of a rollup that are not what the facts sum up to, in words; and how many rows it has.
struct RollupCheck {
  int64_t rows = 0;
  std::vector<std::string> differences;
};
absl::StatusOr<RollupCheck> CheckRollup(db::Connection& connection, const Rollup& rollup);

/// The end of the log, by partition; and whether events wait for their place in it.
struct LogEnd {
  std::map<int, int64_t> positions;
  bool waiting = false;
};
absl::StatusOr<LogEnd> LoadLogEnd(db::Connection& connection);

}  // namespace embudo::reporting::storage
