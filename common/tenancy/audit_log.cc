#include "common/tenancy/audit_log.h"

#include <prometheus/counter.h>

#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"

namespace embudo::tenancy {
namespace {

using std::chrono::steady_clock;

/// Until records that could not be kept are tried again.
constexpr std::chrono::milliseconds kRetry{200};
/// Records that may wait while they can't be kept; above it they go to the log alone.
constexpr size_t kMostWaiting = 10000;
constexpr size_t kBatch = 500;

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status) ||
         absl::IsResourceExhausted(status);
}

void LogLost(const rpc::AuditRecord& record, const std::string& why) {
  log::Warning("audit: not kept", {{"tenant", record.tenant},
                                   {"actor", record.actor},
                                   {"method", record.method},
                                   {"subject", record.resource},
                                   {"code", record.code},
                                   {"why", why}});
}

}  // namespace

AuditLog::AuditLog(Keep keep, const Clock& clock, metrics::Registry& metrics, std::chrono::milliseconds patience)
    : keep_(std::move(keep)), clock_(clock), metrics_(metrics), patience_(patience) {}

AuditLog::~AuditLog() { Stop(); }

void AuditLog::Start() {
  thread_ = std::thread([this] { Run(); });
}

void AuditLog::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  LetGo(steady_clock::time_point::max());
}

void AuditLog::Add(rpc::AuditRecord record, std::function<void()> kept) {
  if (record.tenant.empty()) return kept();  // nobody's log
  const Time now = clock_.Now();
  {
    std::unique_lock lock(mutex_);
    if (stopped_ || waiting_.size() >= kMostWaiting) {
      lock.unlock();
      LogLost(record, "too many wait");
      return kept();
    }
    waiting_.push_back(
        {std::move(record), Uuid::V7(now).ToString(), now, steady_clock::now() + patience_, std::move(kept)});
  }
  wake_.notify_all();
}

void AuditLog::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) break;
    lock.unlock();
    const bool done = Flush();
    LetGo(steady_clock::now());
    lock.lock();
    if (done) continue;
    if (stopping_) break;
    wake_.wait_for(lock, kRetry, [this] { return stopping_; });
  }
}

std::vector<AuditLog::Waiting> AuditLog::TakeBatch() {
  std::vector<Waiting> batch;
  const std::lock_guard lock(mutex_);
  const std::string tenant = waiting_.front().record.tenant;
  for (auto it = waiting_.begin(); it != waiting_.end() && batch.size() < kBatch;) {
    if (it->record.tenant != tenant) {
      ++it;
      continue;
    }
    batch.push_back(std::move(*it));
    it = waiting_.erase(it);
  }
  return batch;
}

bool AuditLog::Flush() {
  std::vector<Waiting> batch = TakeBatch();
  std::vector<rpc::AuditRecord> records;
  std::vector<std::string> ids;
  std::vector<Time> times;
  for (const Waiting& one : batch) {
    records.push_back(one.record);
    ids.push_back(one.id);
    times.push_back(one.time);
  }
  const absl::Status status = keep_(records.front().tenant, records, ids, times);
  if (MayPass(status)) {
    // Behind the others: one tenant that can't be written to does not hold them back.
    const std::lock_guard lock(mutex_);
    for (Waiting& one : batch) waiting_.push_back(std::move(one));
    return false;
  }
  for (const Waiting& one : batch) {
    // A tenant that is closed meanwhile, say.
    if (!status.ok()) LogLost(one.record, MessageOf(status));
    if (one.kept) one.kept();
  }
  return true;
}

void AuditLog::LetGo(steady_clock::time_point now) {
  std::vector<std::function<void()>> gone;
  {
    const std::lock_guard lock(mutex_);
    for (Waiting& one : waiting_) {
      if (one.kept && one.latest <= now) gone.push_back(std::exchange(one.kept, nullptr));
    }
  }
  for (const auto& kept : gone) {
    metrics_
        .Counter("embudo_audit_unkept_answers_total", "Answers given before the record of their call could be kept.")
        .Increment();
    kept();
  }
}

}  // namespace embudo::tenancy
