#include "common/rpc/executor.h"

#include <utility>

namespace embudo::rpc {

Executor::Executor(int threads, int queue_length) : queue_length_(static_cast<size_t>(queue_length)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
  // From now on a thread is idle exactly if it waits to be woken.
  std::unique_lock lock(mutex_);
  all_idle_.wait(lock, [this] { return idle_ == threads_.size(); });
}

Executor::~Executor() { Stop(); }

bool Executor::TrySubmit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    // Tasks that an idle thread is about to take do not wait.
    if (stopped_ || tasks_.size() >= queue_length_ + idle_) return false;
    tasks_.push_back(std::move(task));
    if (!MustWake()) return true;
  }
  wake_.notify_one();
  return true;
}

bool Executor::MustWake() {
  // One thread at a time is on its way: it wakes the next if it finds more than its own task. So many short tasks cost
  // few wake-ups, each of which is dearer than such a task.
  if (waking_ || idle_ == 0 || tasks_.empty()) return false;
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
    while (tasks_.empty() && !stopped_) {
      wake_.wait(lock);
      waking_ = false;
    }
    if (tasks_.empty()) return;
    --idle_;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
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
