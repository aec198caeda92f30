#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace embudo {

/// Does together what several threads ask for at the same moment (group commit): while some groups are on their way,
/// what comes in waits, and is the next group. The calling threads do the work: the first of a group leads it. If a
/// group fails, its members are done one by one, so that only the bad ones fail. Thread-safe.
template <class Item>
class Grouping {
 public:
  /// Whether an item joins a group: asked for each that waits, in the order of their coming. It joins the first.
  using Joins = std::function<bool(const Item&)>;
  /// Begins a group.
  using NewGroup = std::function<Joins()>;
  /// Does all of a group, or, with an error, nothing.
  using Work = std::function<absl::Status(const std::vector<Item*>& group)>;

  /// `parallel`: groups on their way at once.
  Grouping(int parallel, NewGroup new_group, Work work)
      : parallel_(parallel), new_group_(std::move(new_group)), work_(std::move(work)) {}

  /// Returns when the item is done; what came of it is in the item.
  absl::Status Do(Item& item) { return DoAll({&item})[0]; }

  /// The same for several that come at once. Each with its status.
  std::vector<absl::Status> DoAll(const std::vector<Item*>& items) {
    std::condition_variable wake;
    std::deque<Place> places;
    std::unique_lock lock(mutex_);
    for (Item* item : items) queue_.push_back(&places.emplace_back(Place{item, &wake}));
    const auto is_done = [](const Place& place) { return place.done; };
    const auto is_taken = [](const Place& place) { return place.taken; };
    while (!std::all_of(places.begin(), places.end(), is_done)) {
      const bool may_lead = leaders_ < parallel_ && !std::all_of(places.begin(), places.end(), is_taken);
      if (may_lead) {
        Lead(lock);
      } else {
        wake.wait(lock);
      }
    }
    std::vector<absl::Status> statuses;
    for (const Place& place : places) statuses.push_back(place.status);
    return statuses;
  }

  /// How many are in no group yet.
  size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  struct Place {
    Item* item;
    /// Of its caller. Nobody is woken for nothing: of many that wait, most have nothing to do.
    std::condition_variable* wake;
    bool taken = false;
    bool done = false;
    absl::Status status;
  };

  /// Does the next group. The lock is held before and after.
  void Lead(std::unique_lock<std::mutex>& lock) {
    ++leaders_;
    const std::vector<Place*> group = TakeGroup();
    WakeNext();
    lock.unlock();
    Run(group);
    lock.lock();
    --leaders_;
    for (Place* member : group) {
      member->done = true;
      member->wake->notify_one();
    }
    WakeNext();
  }

  /// To lead, if there is something to do and nobody comes to do it.
  void WakeNext() {
    if (!queue_.empty() && leaders_ < parallel_) queue_.front()->wake->notify_one();
  }

  std::vector<Place*> TakeGroup() {
    std::vector<Place*> group;
    const Joins joins = new_group_();
    std::erase_if(queue_, [&](Place* place) {
      place->taken = joins(*place->item);
      if (place->taken) group.push_back(place);
      return place->taken;
    });
    return group;
  }

  void Run(const std::vector<Place*>& group) {
    std::vector<Item*> items;
    for (const Place* place : group) items.push_back(place->item);
    const absl::Status status = work_(items);
    const bool apart = !status.ok() && group.size() > 1;
    for (Place* place : group) place->status = apart ? work_({place->item}) : status;
  }

  const int parallel_;
  const NewGroup new_group_;
  const Work work_;
  mutable std::mutex mutex_;
  std::deque<Place*> queue_;
  int leaders_ = 0;
};

}  // namespace embudo
