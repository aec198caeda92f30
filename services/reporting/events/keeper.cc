#include "services/reporting/events/keeper.h"

#include <prometheus/counter.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/log/log.h"
#include "services/reporting/storage/dashboards.h"
#include "services/reporting/storage/forecast.h"
#include "services/reporting/storage/names.h"

namespace embudo::reporting::events {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kUpkeepEvery{5};
constexpr std::chrono::minutes kSweepEvery{10};
constexpr std::chrono::minutes kUseEvery{10};
constexpr std::chrono::minutes kBuildTime{10};
constexpr std::chrono::minutes kStatementTime{2};
constexpr size_t kMostWanted = 100;
constexpr int kSnapshotsAtOnce = 20;

}  // namespace

Keeper::Keeper(db::Pool& pool, const Clock& clock, metrics::Registry& metrics)
    : pool_(pool), clock_(clock), metrics_(metrics) {}

Keeper::~Keeper() { Stop(); }

void Keeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Keeper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  made_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Keeper::Want(const std::string& tenant, storage::Cube cube, const std::vector<std::string>& columns) {
  {
    const std::lock_guard lock(mutex_);
    Wanted wanted{tenant, cube, columns};
    if (wanted_.size() >= kMostWanted || std::find(wanted_.begin(), wanted_.end(), wanted) != wanted_.end()) return;
    wanted_.push_back(std::move(wanted));
  }
  changed_.notify_all();
}

bool Keeper::Await(const std::string& tenant, storage::Cube cube, const std::vector<std::string>& columns,
                   std::chrono::milliseconds longest) {
  const Wanted wanted{tenant, cube, columns};
  std::unique_lock lock(mutex_);
  if (wanted_.empty() || wanted_.front() != wanted) return false;
  return made_.wait_for(lock, longest, [&] { return stopping_ || wanted_.empty() || wanted_.front() != wanted; });
}

void Keeper::Use(const storage::Rollup& rollup) {
  const std::lock_guard lock(mutex_);
  const auto now = steady_clock::now();
  auto [used, first] = used_.try_emplace(rollup.id, now);
  if (!first && now - used->second < kUseEvery) return;
  used->second = now;
  to_touch_.push_back(rollup);
}

void Keeper::Run() {
  std::string last_error;
  auto next_upkeep = steady_clock::now();
  auto next_sweep = steady_clock::now() + kSweepEvery;
  while (true) {
    absl::Status status = BuildWanted();
    if (status.ok() && steady_clock::now() >= next_upkeep) {
      status = Upkeep();
      next_upkeep = steady_clock::now() + kUpkeepEvery;
    }
    if (status.ok() && steady_clock::now() >= next_sweep) {
      auto lease = pool_.Acquire("", db::After(kStatementTime));
      status = lease.ok() ? storage::SweepRollups(**lease) : lease.status();
      next_sweep = steady_clock::now() + kSweepEvery;
    }
    if (!status.ok() && MessageOf(status) != last_error) {
      last_error = MessageOf(status);
      log::Warning("reports: upkeep waits", {{"why", last_error}});
    }
    std::unique_lock lock(mutex_);
    // After an error, not at once.
    changed_.wait_for(lock, status.ok() ? std::chrono::seconds(1) : kUpkeepEvery,
                      [&] { return stopping_ || (status.ok() && !wanted_.empty()); });
    if (stopping_) return;
  }
}

absl::Status Keeper::BuildWanted() {
  while (true) {
    Wanted wanted;
    {
      const std::lock_guard lock(mutex_);
      if (wanted_.empty() || stopping_) return absl::OkStatus();
      wanted = wanted_.front();
    }
    const auto built = storage::BuildRollup(pool_, wanted.tenant, wanted.cube, wanted.columns, db::After(kBuildTime));
    {
      const std::lock_guard lock(mutex_);
      wanted_.pop_front();
    }
    made_.notify_all();
    EMBUDO_RETURN_IF_ERROR(built.status());
    if (!*built) continue;
    metrics_.Counter("embudo_reporting_rollups_made_total", "Sums that were made because reports asked for them", {})
        .Increment();
  }
}

absl::Status Keeper::Upkeep() {
  std::deque<storage::Rollup> touched;
  {
    const std::lock_guard lock(mutex_);
    touched.swap(to_touch_);
  }
  const auto deadline = db::After(kStatementTime);
  std::vector<storage::DueSnapshot> due;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", deadline));
    for (const storage::Rollup& rollup : touched) EMBUDO_RETURN_IF_ERROR(storage::TouchRollup(*lease, rollup));
    EMBUDO_RETURN_IF_ERROR(storage::SeedDashboards(*lease, {}, clock_.Now()));
    EMBUDO_ASSIGN_OR_RETURN(due, storage::DueSnapshots(*lease, clock_.Now(), kSnapshotsAtOnce));
  }
  for (const storage::DueSnapshot& snapshot : due) {
    const auto take = [&](db::Connection& connection) -> absl::Status {
      EMBUDO_ASSIGN_OR_RETURN(const storage::Settings settings, storage::LoadSettings(connection, snapshot.tenant));
      return storage::TakeSnapshot(connection, snapshot.tenant, snapshot.id, "", settings, clock_.Now()).status();
    };
    EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kBuildTime), take));
  }
  return absl::OkStatus();
}

}  // namespace embudo::reporting::events
