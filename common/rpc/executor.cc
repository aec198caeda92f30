#include "common/rpc/executor.h"

#include <utility>

namespace embudo::rpc {
namespace {

/// The shortest queue that is shared out.
constexpr size_t kShared = 8;

}  // namespace

Executor::Executor(int threads, int queue_length) : queue_length_(static_cast<size_t>(queue_length)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
  // From now on a thread is idle exactly if it waits to be woken.
  std::unique_lock lock(mutex_);
  all_idle_.wait(lock, [this] { return idle_ == threads_.size(); });
}

Executor::~Executor() { Stop(); }

bool Executor::TrySubmit(std::function<void()> task, std::string_view group) {
  {
    const std::lock_guard lock(mutex_);
    auto found = groups_.find(group);
    if (stopped_ || !HasRoom(found == groups_.end() ? 0 : found->second.size())) return false;
    if (found == groups_.end()) {
      found = groups_.emplace(group, Tasks()).first;
      turns_.push_back(found);
    }
    found->second.push_back(std::move(task));
    ++waiting_;
    if (!MustWake()) return true;
  }
  wake_.notify_one();
  return true;
}

bool Executor::HasRoom(size_t waiting_of_group) const {
  // Tasks that an idle thread is about to take do not wait.
  if (waiting_ < idle_) return true;
  const size_t room = queue_length_ + idle_;
  if (waiting_ >= room) return false;
  // A group that is alone has three quarters. A queue too short to be shared has no shares.
  return queue_length_ < kShared || waiting_of_group < 3 * (room - waiting_);
}

std::function<void()> Executor::TakeNext() {
  const auto group = turns_.front();
  turns_.pop_front();
  std::function<void()> task = std::move(group->second.front());
  group->second.pop_front();
  --waiting_;
  if (group->second.empty()) {
    groups_.erase(group);
  } else {
    turns_.push_back(group);
  }
  return task;
}

bool Executor::MustWake() {
  // One thread at a time is on its way: it wakes the next if it finds more than its own task. So many short tasks cost
  // few wake-ups, each of which is dearer than such a task.
  if (waking_ || idle_ == 0 || waiting_ == 0) return false;
  waking_ = true;
  return true;
}

void Executor::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Executor::Work() {
  std::unique_lock lock(mutex_);
  ++idle_;
  all_idle_.notify_one();
  while (true) {
    while (waiting_ == 0 && !stopped_) {
      wake_.wait(lock);
      waking_ = false;
    }
    if (waiting_ == 0) return;
    --idle_;
    std::function<void()> task = TakeNext();
    const bool wake_next = MustWake();
    lock.unlock();
    if (wake_next) wake_.notify_one();
    task();
    task = nullptr;  // what it holds goes before the lock is taken again
    lock.lock();
    ++idle_;
  }
}

}  // namespace embudo::rpc
