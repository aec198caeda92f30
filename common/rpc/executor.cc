#include "common/rpc/executor.h"

#include <utility>

namespace embudo::rpc {

Executor::Executor(int threads, int queue_length)
    : queue_length_(static_cast<size_t>(queue_length)), idle_(static_cast<size_t>(threads)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

Executor::~Executor() { Stop(); }

bool Executor::TrySubmit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    // Tasks that an idle thread is about to take do not wait.
    if (stopped_ || tasks_.size() >= queue_length_ + idle_) return false;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
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
  while (true) {
    wake_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds goes before the lock is taken again
    lock.lock();
    ++idle_;
  }
}

}  // namespace embudo::rpc
