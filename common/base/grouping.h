#pragma once

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
  absl::Status Do(Item& item) {
    Place place{&item};
    std::unique_lock lock(mutex_);
    queue_.push_back(&place);
    while (!place.done) {
      if (place.taken || leaders_ >= parallel_) {
        moved_.wait(lock);
        continue;
      }
      ++leaders_;
      const std::vector<Place*> group = TakeGroup();
      lock.unlock();
      Run(group);
      lock.lock();
      for (Place* member : group) member->done = true;
      --leaders_;
      moved_.notify_all();
    }
    return place.status;
  }

  /// How many are in no group yet.
  size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  struct Place {
    Item* item;
    bool taken = false;
    bool done = false;
    absl::Status status;
  };

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
  std::condition_variable moved_;
  std::deque<Place*> queue_;
  int leaders_ = 0;
};

}  // namespace embudo
