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
/// other, and the groups have their turns one after the other. A group has up to three quarters of what others leave of
/// the queue, and of the threads (dynamic thresholds, Choudhury and Hahne 1998), so that one that floods, or whose
/// tasks take long, finds another's task with a place and a thread. Tasks without a group have no such bound.
/// Thread-safe.
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
  struct Group {
    std::deque<std::function<void()>> waiting;
    size_t running = 0;
  };
  /// Those of which a task waits or runs.
  using Groups = std::map<std::string, Group, std::less<>>;

  void Work();
  /// Whether to notify a thread, which the caller then does after it has given the lock back.
  bool MustWake();
  /// Whether one more task of a group of which so many wait may wait.
  bool HasRoom(size_t waiting_of_group) const;
  /// Whether one more idle thread may take a task of that group.
  bool MayRun(Groups::const_iterator group) const;
  /// The place in turns_ of the first group that may have a thread; its end if there is none.
  std::deque<Groups::iterator>::iterator NextTurn();
  /// Takes that group's first task.
  std::function<void()> Take(Groups::iterator group);
  void Ended(Groups::iterator group);

  const size_t queue_length_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Groups groups_;
  std::deque<Groups::iterator> turns_;  ///< those of which a task waits
  size_t waiting_ = 0;
  std::condition_variable all_idle_;
  size_t idle_ = 0;
  bool waking_ = false;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::rpc
