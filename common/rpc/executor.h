#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace embudo::rpc {

/// A fixed number of threads behind a bounded queue. Thread-safe.
class Executor {
 public:
  /// `queue_length`: tasks that may wait while all threads are busy.
  Executor(int threads, int queue_length);
  ~Executor();

  /// False if the queue is full or the executor has stopped; the task is then not run. Tasks must not throw.
  bool TrySubmit(std::function<void()> task);
  /// Takes no more tasks, runs those that wait, and returns when the last is done.
  void Stop();

 private:
  void Work();
  /// Whether to notify a thread, which the caller then does after it has given the lock back.
  bool MustWake();

  const size_t queue_length_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::condition_variable all_idle_;
  size_t idle_ = 0;
  bool waking_ = false;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::rpc
