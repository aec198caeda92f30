#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace embudo::rpc {

/// A fixed number of threads behind a bounded queue, shared out fairly: tasks of one group (a tenant) wait behind each
/// other, and the groups have their turns one after the other, so that a flood of one costs another no more than the
/// task before it. A group fills the queue up to three quarters of what others leave of it (dynamic thresholds,
/// Choudhury and Hahne 1998). Thread-safe.
class Executor {
 public:
  /// `queue_length`: tasks that may wait while all threads are busy.
  Executor(int threads, int queue_length);
  ~Executor();

  /// False if the queue is full, for this group or at all, or the executor has stopped; the task is then not run. Tasks
  /// must not throw.
  bool TrySubmit(std::function<void()> task, std::string_view group = "");
  /// Takes no more tasks, runs those that wait, and returns when the last is done.
  void Stop();

 private:
  void Work();
  /// Whether to notify a thread, which the caller then does after it has given the lock back.
  bool MustWake();
  /// Whether one more task of a group of which so many wait may wait.
  bool HasRoom(size_t waiting_of_group) const;
  /// The first task of the group whose turn it is.
  std::function<void()> TakeNext();

  using Tasks = std::deque<std::function<void()>>;

  const size_t queue_length_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Tasks, std::less<>> groups_;  ///< those of which a task waits
  std::deque<std::map<std::string, Tasks, std::less<>>::iterator> turns_;
  size_t waiting_ = 0;
  std::condition_variable all_idle_;
  size_t idle_ = 0;
  bool waking_ = false;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::rpc
