#include "common/rpc/executor.h"

#include <algorithm>
#include <utility>

namespace embudo::rpc {
namespace {

/// The shortest queue, and the fewest threads, that are shared out.
constexpr size_t kSharedQueue = 8;
constexpr size_t kSharedThreads = 4;
/// A group that is alone has three of four parts.
constexpr size_t kShare = 3;

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
  // Tasks that an idle thread is about to take do not wait.
  if (waiting_ < idle_) return true;
  const size_t room = queue_length_ + idle_;
  if (waiting_ >= room) return false;
  // A queue too short to be shared has no shares.
  return queue_length_ < kSharedQueue || waiting_of_group < kShare * (room - waiting_);
}

bool Executor::MayRun(Groups::const_iterator group) const {
  // Of few threads none is kept back, nor of those that are to end.
  if (stopped_ || threads_.size() < kSharedThreads || group->first.empty()) return idle_ > 0;
  return group->second.running < kShare * idle_;
}

std::deque<Executor::Groups::iterator>::iterator Executor::NextTurn() {
  // Few are passed over: a group that may not run has most of the threads.
  return std::find_if(turns_.begin(), turns_.end(), [this](const auto& group) { return MayRun(group); });
}

std::function<void()> Executor::Take(Groups::iterator group) {
  std::function<void()> task = std::move(group->second.waiting.front());
  group->second.waiting.pop_front();
  --waiting_;
  ++group->second.running;
  if (!group->second.waiting.empty()) turns_.push_back(group);
  return task;
}

void Executor::Ended(Groups::iterator group) {
  if (--group->second.running == 0 && group->second.waiting.empty()) groups_.erase(group);
}

bool Executor::MustWake() {
  // One thread at a time is on its way: it wakes the next if it finds more than its own task. So many short tasks cost
  // few wake-ups, each of which is dearer than such a task.
  if (waking_ || idle_ == 0 || NextTurn() == turns_.end()) return false;
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
    auto turn = NextTurn();
    while (turn == turns_.end() && !stopped_) {
      wake_.wait(lock);
      waking_ = false;
      turn = NextTurn();
    }
    if (turn == turns_.end()) return;
    const Groups::iterator group = *turn;
    turns_.erase(turn);
    std::function<void()> task = Take(group);
    --idle_;
    const bool wake_next = MustWake();
    lock.unlock();
    if (wake_next) wake_.notify_one();
    task();
    task = nullptr;  // what it holds goes before the lock is taken again
    lock.lock();
    ++idle_;
    Ended(group);
  }
}

}  // namespace embudo::rpc
