#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/storage/columns.h"

namespace embudo::reporting::storage {

struct Snapshot {
  int64_t sequence = 0;
  v1::ForecastSnapshot resource;
};

/// Takes a snapshot, in the caller's transaction: `id` is the day's, of a daily one, else empty. The one of that id or
/// request_id, if there is one already.
absl::StatusOr<Snapshot> TakeSnapshot(db::Connection& connection, const std::string& tenant, const std::string& id,
                                      const std::string& request_id, const Settings& settings, Time now);
/// By its resource name. NOT_FOUND if there is none.
absl::StatusOr<Snapshot> GetSnapshot(db::Connection& connection, const std::string& tenant, const std::string& name,
                                     const Settings& settings);
/// The newest first, from before that sequence on.
absl::StatusOr<std::vector<Snapshot>> ListSnapshots(db::Connection& connection, const std::string& tenant,
                                                    std::optional<int64_t> before, int limit, const Settings& settings);
/// Tenants whose forecast of their day has not been taken, with that day's id: at most `limit`. As the worker role.
struct DueSnapshot {
  std::string tenant;
  std::string id;
};
absl::StatusOr<std::vector<DueSnapshot>> DueSnapshots(db::Connection& connection, Time now, int limit);

/// A group of a snapshot's opportunities.
struct SnapshotRow {
  /// First days of month and quarter.
  std::optional<Day> month, quarter;
  std::string owner, team;
  /// `COMMITTED`, of open ones; `WON` of won ones.
  std::string category;
  int64_t count = 0;
  std::string revenue, weighted;
};
/// Those that were expected to close, or were closed, in the days.
absl::StatusOr<std::vector<SnapshotRow>> ReadSnapshot(db::Connection& connection, const std::string& tenant,
                                                      int64_t sequence, Day from, Day to);

/// What became of a snapshot's open opportunities of those days; `later`: another snapshot, or now.
absl::StatusOr<v1::CompareForecastsResponse> Compare(db::Connection& connection, const std::string& tenant,
                                                     int64_t base, std::optional<int64_t> later, Day from, Day to,
                                                     const Settings& settings);

}  // namespace embudo::reporting::storage
