#include "common/chore/chore.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo {
namespace {

constexpr std::chrono::seconds kRetry{1};

}  // namespace

Chore::Chore(std::string name, std::chrono::milliseconds pause, std::function<absl::Status()> work)
    : name_(std::move(name)), pause_(pause), work_(std::move(work)) {}

Chore::~Chore() { Stop(); }

void Chore::Start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const absl::Status status = work_();
      if (!status.ok()) log::Warning("waiting", {{"chore", name_}, {"why", MessageOf(status)}});
      lock.lock();
      const auto pause = status.ok() ? pause_ : std::min<std::chrono::milliseconds>(pause_, kRetry);
      stop_.wait_for(lock, pause, [this] { return stopping_; });
    }
  });
}

void Chore::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace embudo
