#include "common/rpc/executor.h"

#include <algorithm>
#include <utility>

#include "common/base/waiting.h"

namespace embudo::rpc {
namespace {

/// The shortest queue, and the fewest threads, that are shared out.
constexpr size_t kSharedQueue = 8;
constexpr size_t kSharedThreads = 4;
/// A group that is alone has three of four parts.
constexpr size_t kShare = 3;
/// Threads, by those at work: more where tasks wait for others.
constexpr size_t kThreadsByWork = 4;

}  // namespace

class Executor::RunningTask final : public Waiting::Counter {
 public:
  RunningTask(Executor& executor, Groups::iterator group) : executor_(executor), group_(group) { CountBy(this); }
  ~RunningTask() override { CountBy(nullptr); }
  RunningTask(const RunningTask&) = delete;
  RunningTask& operator=(const RunningTask&) = delete;

 private:
  static void CountBy(Counter* counter) { Waiting::CountBy(counter); }

  void BeginWait() override {
    bool wake = false;
    {
      const std::lock_guard lock(executor_.mutex_);
      ++executor_.free_;
      --group_->second.running;
      wake = executor_.MustWake();
    }
    if (wake) executor_.wake_.notify_one();
  }
  void EndWait() override {
    const std::lock_guard lock(executor_.mutex_);
    --executor_.free_;
    ++group_->second.running;
  }

  Executor& executor_;
  const Groups::iterator group_;
};

Executor::Executor(int threads, int queue_length)
    : queue_length_(static_cast<size_t>(queue_length)),
      at_work_(static_cast<size_t>(threads)),
      most_threads_(kThreadsByWork * at_work_),
      free_(threads) {
  std::unique_lock lock(mutex_);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
  // From now on a thread without a task waits to be woken.
  all_started_.wait(lock, [this] { return started_ == at_work_; });
}

Executor::~Executor() { Stop(); }

bool Executor::TrySubmit(std::function<void()> task, std::string_view group) {
  {
    const std::lock_guard lock(mutex_);
    auto found = groups_.find(group);
    if (stopped_ || !HasRoom(found == groups_.end() ? 0 : found->second.waiting.size())) return false;
    if (found == groups_.end()) found = groups_.emplace(group, Group()).first;
    if (found->second.waiting.empty()) turns_.push_back(found);
    found->second.waiting.push_back(std::move(task));
    ++waiting_;
    if (!MustWake()) return true;
  }
  wake_.notify_one();
  return true;
}

bool Executor::HasRoom(size_t waiting_of_group) const {
  // Tasks that a free thread is about to take do not wait.
  if (waiting_ < Free()) return true;
  const size_t room = queue_length_ + Free();
  if (waiting_ >= room) return false;
  // A queue too short to be shared has no shares.
  return queue_length_ < kSharedQueue || waiting_of_group < kShare * (room - waiting_);
}

bool Executor::MayRun(Groups::const_iterator group) const {
  if (Free() == 0) return false;
  // Of few threads none is kept back, nor of those that are to end.
  if (stopped_ || at_work_ < kSharedThreads || group->first.empty()) return true;
  return group->second.running < kShare * Free() && group->second.occupied < kShare * (most_threads_ - occupied_);
}

std::deque<Executor::Groups::iterator>::iterator Executor::NextTurn() {
  // Few are passed over: a group that may not run has most of the threads.
  return std::find_if(turns_.begin(), turns_.end(), [this](const auto& group) { return MayRun(group); });
}

std::function<void()> Executor::Take(Groups::iterator group) {
  std::function<void()> task = std::move(group->second.waiting.front());
  group->second.waiting.pop_front();
  --waiting_;
  --free_;
  ++occupied_;
  ++group->second.running;
  ++group->second.occupied;
  if (!group->second.waiting.empty()) turns_.push_back(group);
  return task;
}

void Executor::Ended(Groups::iterator group) {
  ++free_;
  --occupied_;
  --group->second.running;
  if (--group->second.occupied == 0 && group->second.waiting.empty()) groups_.erase(group);
}

bool Executor::MustWake() {
  // One thread at a time is on its way: it wakes the next if it finds more than its own task. So many short tasks cost
  // few wake-ups, each of which is dearer than such a task.
  if (waking_ || NextTurn() == turns_.end()) return false;
  if (idle_ > 0) return waking_ = true;
  if (stopped_ || threads_.size() == most_threads_) return false;
  waking_ = true;
  threads_.emplace_back([this] { Work(); });
  return false;
}

void Executor::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  // None is begun any more.
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Executor::Work() {
  std::unique_lock lock(mutex_);
  if (++started_ > at_work_) waking_ = false;
  all_started_.notify_one();
  while (true) {
    auto turn = NextTurn();
    while (turn == turns_.end() && !stopped_) {
      ++idle_;
      wake_.wait(lock);
      --idle_;
      waking_ = false;
      turn = NextTurn();
    }
    if (turn == turns_.end()) return;
    const Groups::iterator group = *turn;
    turns_.erase(turn);
    std::function<void()> task = Take(group);
    const bool wake_next = MustWake();
    lock.unlock();
    if (wake_next) wake_.notify_one();
    Run(std::move(task), group);
    lock.lock();
    Ended(group);
  }
}

void Executor::Run(std::function<void()> task, Groups::iterator group) {
  const RunningTask running(*this, group);
  task();
  task = nullptr;  // what it holds goes before the lock is taken again
}

}  // namespace embudo::rpc
