#include "common/db/pool.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/db/error.h"
#include "common/db/pool_metrics.h"

namespace embudo::db {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{5};
constexpr milliseconds kLongestPause{500};

/// Exponential back-off with full jitter, never past the deadline.
class Backoff {
 public:
  explicit Backoff(Deadline deadline) : deadline_(deadline) {}

  /// False when no time is left for another attempt.
  bool Pause() {
    thread_local std::minstd_rand random(std::random_device{}());
    const auto wait = milliseconds(std::uniform_int_distribution<int64_t>(1, limit_.count())(random));
    if (std::chrono::steady_clock::now() + wait >= deadline_) return false;
    std::this_thread::sleep_for(wait);
    limit_ = std::min(limit_ * 2, kLongestPause);
    return true;
  }

 private:
  const Deadline deadline_;
  milliseconds limit_ = kFirstPause;
};

struct PoolMetrics {
  prometheus::Histogram& wait;
  prometheus::Counter& opened;
  prometheus::Counter& exhausted;
};
/// Made once and never destroyed; nullptr: nobody measures.
std::atomic<const PoolMetrics*> pool_metrics = nullptr;

absl::Status InOneTransaction(Connection& connection, const std::function<absl::Status(Connection&)>& body) {
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("BEGIN"));
  absl::Status status = body(connection);
  if (!status.ok()) {
    if (!connection.broken()) connection.ExecScript("ROLLBACK").IgnoreError();
    return status;
  }
  return connection.ExecScript("COMMIT");
}

}  // namespace

void MeasurePools(metrics::Registry* registry) {
  if (registry == nullptr) {
    pool_metrics = nullptr;
    return;
  }
  // Kept until the process ends: another thread may be measuring with what is replaced here.
  static auto& kept = *new std::vector<std::unique_ptr<const PoolMetrics>>;
  kept.push_back(std::make_unique<const PoolMetrics>(PoolMetrics{
      registry->Latency("embudo_db_pool_wait_seconds", "Waits for a free database connection of this process"),
      registry->Counter("embudo_db_connections_opened_total", "Database connections that this process has opened"),
      registry->Counter("embudo_db_pool_exhausted_total", "Calls refused because no database connection came free")}));
  pool_metrics = kept.back().get();
}

Pool::Pool(std::string conninfo, int size) : conninfo_(std::move(conninfo)), size_(size) {}

Pool::Lease::~Lease() {
  if (connection_ != nullptr) pool_->Return(std::move(connection_));
}

absl::StatusOr<Pool::Lease> Pool::Acquire(Deadline deadline) {
  const PoolMetrics* measured = pool_metrics.load(std::memory_order_relaxed);
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  // A pause without end would hide a leak; a minute is longer than any call waits.
  deadline = std::min(deadline, After(std::chrono::minutes(1)));
  if (!returned_.wait_until(lock, deadline, [&] { return !idle_.empty() || open_ < size_; })) {
    if (measured != nullptr) measured->exhausted.Increment();
    return Error(absl::StatusCode::kResourceExhausted, "DATABASE_POOL_EXHAUSTED", "no database connection is free")
        .RetryAfter(milliseconds(100))
        .ToStatus();
  }
  if (measured != nullptr) {
    measured->wait.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  if (!idle_.empty()) {
    Lease lease(this, std::move(idle_.back()));
    idle_.pop_back();
    return lease;
  }
  ++open_;
  lock.unlock();
  if (measured != nullptr) measured->opened.Increment();
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(conninfo_);
  if (!connection.ok()) {
    lock.lock();
    --open_;
    returned_.notify_one();
    return connection.status();
  }
  return Lease(this, *std::move(connection));
}

absl::StatusOr<Pool::Lease> Pool::Acquire(std::string_view tenant, Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(Lease lease, Acquire(deadline));
  EMBUDO_RETURN_IF_ERROR(lease->SetTenant(tenant));
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  EMBUDO_RETURN_IF_ERROR(lease->SetTimeout(std::min<milliseconds>(left, std::chrono::minutes(10))));
  return lease;
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  const bool usable = !connection->broken() && !connection->in_transaction();
  if (!usable) connection.reset();
  const std::lock_guard lock(mutex_);
  if (connection != nullptr) {
    idle_.push_back(std::move(connection));
  } else {
    --open_;
  }
  returned_.notify_one();
}

absl::StatusOr<Result> Exec(Pool& pool, std::string_view tenant, Deadline deadline, const std::string& sql,
                            const Params& params) {
  Backoff backoff(deadline);
  while (true) {
    absl::StatusOr<Pool::Lease> lease = pool.Acquire(tenant, deadline);
    absl::StatusOr<Result> result = lease.ok() ? (*lease)->Exec(sql, params) : lease.status();
    if (result.ok() || !IsRetryable(result.status()) || !backoff.Pause()) return result;
  }
}

absl::Status RunInTx(Pool& pool, std::string_view tenant, Deadline deadline,
                     const std::function<absl::Status(Connection&)>& body) {
  Backoff backoff(deadline);
  while (true) {
    absl::Status status;
    {
      absl::StatusOr<Pool::Lease> lease = pool.Acquire(tenant, deadline);
      status = lease.ok() ? InOneTransaction(**lease, body) : lease.status();
    }
    if (status.ok() || !IsRetryable(status) || !backoff.Pause()) return status;
  }
}

}  // namespace embudo::db
