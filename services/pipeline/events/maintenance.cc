#include "services/pipeline/events/maintenance.h"

#include <openssl/rand.h>

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo::pipeline::events {
namespace {

constexpr std::chrono::seconds kStatement{60};
constexpr std::chrono::hours kInterval{1};
constexpr std::chrono::seconds kRetry{1};
constexpr std::chrono::hours kRequestLife{24};
constexpr int kDaysAhead = 7;

}  // namespace

Maintenance::Maintenance(std::string postgres, const Clock& clock) : pool_(std::move(postgres), 1), clock_(clock) {}

Maintenance::~Maintenance() { Stop(); }

void Maintenance::Start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const absl::Status status = RunOnce();
      if (!status.ok()) log::Warning("maintenance: waiting", {{"why", MessageOf(status)}});
      lock.lock();
      stop_.wait_for(lock, status.ok() ? std::chrono::seconds(kInterval) : kRetry, [&] { return stopping_; });
    }
  });
}

void Maintenance::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const CursorCodec> Maintenance::cursors() {
  const std::lock_guard lock(mutex_);
  return cursors_;
}

absl::Status Maintenance::RunOnce() {
  const Day today = std::chrono::floor<std::chrono::days>(clock_.Now());
  const auto day = [](Day date) { return FormatDate(ToDate(date)); };
  EMBUDO_RETURN_IF_ERROR(
      db::Exec(pool_, "", db::After(kStatement), "SELECT pipeline.ensure_event_partitions($1::date, $2::date)",
               db::Params::Of(day(today - std::chrono::days(1)), day(today + std::chrono::days(kDaysAhead))))
          .status());
  EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, "", db::After(kStatement),
                                  "DELETE FROM pipeline.request WHERE create_time < $1",
                                  db::Params::Of(clock_.Now() - kRequestLife))
                             .status());
  unsigned char fresh[32];
  RAND_bytes(fresh, sizeof fresh);
  EMBUDO_RETURN_IF_ERROR(
      db::Exec(pool_, "", db::After(kStatement),
               "INSERT INTO pipeline.setting (key, value) VALUES ('cursor_key', $1) ON CONFLICT DO NOTHING",
               db::Params().AddBytes({reinterpret_cast<const char*>(fresh), sizeof fresh}))
          .status());
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result key,
      db::Exec(pool_, "", db::After(kStatement), "SELECT value FROM pipeline.setting WHERE key = 'cursor_key'", {}));
  const std::lock_guard lock(mutex_);
  cursors_ = std::make_shared<CursorCodec>(key[0].Bytes(0));
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::events
