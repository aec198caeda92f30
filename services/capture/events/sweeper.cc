#include "services/capture/events/sweeper.h"

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo::capture::events {
namespace {

constexpr int kBatch = 100;
constexpr std::chrono::seconds kPatience{30};

}  // namespace

Sweeper::~Sweeper() { Stop(); }

void Sweeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Sweeper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Sweeper::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Sweeper::Run() {
  while (!Stopping()) {
    const absl::Status swept = Sweep();
    if (!swept.ok()) log::Warning("submissions that broke off can't be read", {{"error", MessageOf(swept)}});
    std::unique_lock lock(mutex_);
    stop_.wait_for(lock, options_.every, [this] { return stopping_; });
  }
}

absl::Status Sweeper::Sweep() {
  const Time before = clock_.Now() - options_.age;
  Time after{};
  while (!Stopping()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto found, submissions_.Unfinished(after, before, kBatch, db::After(kPatience)));
    for (const auto& [tenant, submission] : found) {
      if (Stopping()) break;
      after = submission.create_time;
      const Bringer self{tenant, CaptureIdentity(tenant), db::After(kPatience)};
      const absl::Status resumed = intake_.Resume(self, submission);
      if (resumed.ok()) continue;
      log::Warning("a submission broke off again",
                   {{"tenant", tenant}, {"submission", submission.id}, {"error", MessageOf(resumed)}});
    }
    if (found.size() < kBatch) break;
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::events
