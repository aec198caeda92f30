#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "services/reporting/storage/rollup.h"

namespace embudo::reporting::events {

/// What reporting does beside the events: makes the sums that reports have asked for, takes the forecasts of the day,
/// seeds dashboards of tenants from before they had them, sweeps what is no longer used. Thread-safe.
class Keeper : public Background {
 public:
  /// `pool` is of the reporting_worker role; it takes two connections at once.
  Keeper(db::Pool& pool, const Clock& clock, metrics::Registry& metrics);
  ~Keeper() override;

  void Start() override;
  /// Finishes the step.
  void Stop() override;

  /// A sum of these columns is wanted: it is made soon, unless many are wanted already.
  void Want(const std::string& tenant, storage::Cube cube, const std::vector<std::string>& columns);
  /// Waits while a wanted sum is being made, at most so long. Whether it is no more, and was.
  bool Await(const std::string& tenant, storage::Cube cube, const std::vector<std::string>& columns,
             std::chrono::milliseconds longest);
  /// A sum is used.
  void Use(const storage::Rollup& rollup);

 private:
  struct Wanted {
    std::string tenant;
    storage::Cube cube;
    std::vector<std::string> columns;

    friend bool operator==(const Wanted&, const Wanted&) = default;
  };

  void Run();
  absl::Status BuildWanted();
  absl::Status Upkeep();

  db::Pool& pool_;
  const Clock& clock_;
  metrics::Registry& metrics_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable made_;
  std::deque<Wanted> wanted_;
  /// When each rollup was last told to be used.
  std::map<int64_t, std::chrono::steady_clock::time_point> used_;
  std::deque<storage::Rollup> to_touch_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::reporting::events
