#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace embudo::rpc {

/// Threads, so many at work at most, behind a bounded queue, shared out fairly: tasks of one group (a tenant) wait
/// behind each other, and the groups have their turns one after the other. A group has up to three quarters of what
/// others leave of the queue, and of the threads (dynamic thresholds, Choudhury and Hahne 1998), so that one that
/// floods, or whose tasks take long, finds another's task with a place and a thread. Tasks without a group have no such
/// bound. A task that waits for others (base/waiting.h) counts as none of the threads, and up to three times as many
/// more are there for such. Thread-safe.
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
    /// With those that wait for others.
    size_t occupied = 0;
  };
  /// Those of which a task waits or runs.
  using Groups = std::map<std::string, Group, std::less<>>;

  /// Counts the task that a thread runs.
  class RunningTask;

  void Work();
  void Run(std::function<void()> task, Groups::iterator group);
  /// Whether to notify a thread, which the caller then does after it has given the lock back. If there is none to be
  /// woken, it may begin one.
  bool MustWake();
  /// Threads that tasks may be given to, those that are at work not counted.
  size_t Free() const { return free_ > 0 ? static_cast<size_t>(free_) : 0; }
  /// Whether one more task of a group of which so many wait may wait.
  bool HasRoom(size_t waiting_of_group) const;
  /// Whether one more thread may take a task of that group.
  bool MayRun(Groups::const_iterator group) const;
  /// The place in turns_ of the first group that may have a thread; its end if there is none.
  std::deque<Groups::iterator>::iterator NextTurn();
  /// Takes that group's first task.
  std::function<void()> Take(Groups::iterator group);
  void Ended(Groups::iterator group);

  const size_t queue_length_;
  const size_t at_work_;       ///< the most threads at work
  const size_t most_threads_;  ///< with those that wait for others
  std::mutex mutex_;
  std::condition_variable wake_;
  Groups groups_;
  std::deque<Groups::iterator> turns_;  ///< those of which a task waits
  size_t waiting_ = 0;
  std::condition_variable all_started_;
  size_t started_ = 0;
  size_t idle_ = 0;      ///< threads that wait to be woken
  size_t occupied_ = 0;  ///< threads that run a task or wait in one
  int64_t free_;         ///< places at work; below 0 where those that waited have gone on
  bool waking_ = false;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::rpc
