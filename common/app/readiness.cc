#include "common/app/readiness.h"

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo::app {
namespace {

constexpr int kFailuresToUnready = 3;

}  // namespace

Readiness::Readiness(Check check, Listener listener, std::chrono::milliseconds interval)
    : check_(std::move(check)), listener_(std::move(listener)), interval_(interval), thread_([this] { Poll(); }) {}

Readiness::~Readiness() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void Readiness::Poll() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    Take(check_());
    lock.lock();
    stopped_.wait_for(lock, interval_, [this] { return stop_; });
  }
}

void Readiness::Take(const absl::Status& status) {
  failures_ = status.ok() ? 0 : failures_ + 1;
  const bool ready = status.ok() || (ready_ && failures_ < kFailuresToUnready);
  if (told_ && ready == ready_) return;
  ready_ = ready;
  told_ = true;
  if (ready) {
    log::Info("ready");
  } else {
    log::Warning("not ready", {{"reason", MessageOf(status)}});
  }
  listener_(ready ? absl::OkStatus() : status);
}

}  // namespace embudo::app
