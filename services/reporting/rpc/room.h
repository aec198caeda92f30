#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/reporting/storage/rollup.h"

namespace embudo::reporting {

/// Name of the consumer that keeps what reports are made of.
inline constexpr char kConsumer[] = "reporting";

/// A sum that would have answered a report.
struct WantedRollup {
  std::string tenant;
  storage::Cube cube;
  std::vector<std::string> columns;
};

/// A database that reports are read from.
struct Source {
  /// Of the rpc role, which sees the caller's tenant alone.
  db::Pool& pool;
  /// Of the worker role, which knows how far the log has been read.
  db::Pool& worker_pool;
};

/// What the RPCs share. All of it outlives them.
struct Room {
  db::Pool& pool;
  db::Pool& worker_pool;
  /// A standby of the database, which reports are read from while it answers.
  std::optional<Source> replica;
  const Clock& clock;
  /// Told of a report that took long because no sum is kept that answers it.
  std::function<void(WantedRollup)> wanted;
  /// Waits while such a sum is being made, at most so long. Whether it is no more, and was.
  std::function<bool(const WantedRollup&, std::chrono::milliseconds longest)> await_sum;
  /// Told of a sum that answered a report.
  std::function<void(const storage::Rollup&)> used;
  /// How long that is.
  std::chrono::milliseconds slow{10};
  /// The longest that the facts may be read for one report.
  std::chrono::milliseconds limit{10000};
};

}  // namespace embudo::reporting
