#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace embudo::rpc {

/// Runs tasks one at a time and in order, on whichever thread adds one while none runs. Whoever calls Run keeps the
/// strand alive until Run has returned.
class Strand {
 public:
  void Run(std::function<void()> task) {
    std::unique_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (running_) return;
    running_ = true;
    while (!tasks_.empty()) {
      std::function<void()> next = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      next();
      next = nullptr;  // what it holds goes before the lock is taken again
      lock.lock();
    }
    running_ = false;
  }

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
  bool running_ = false;
};

}  // namespace embudo::rpc
