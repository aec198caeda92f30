#include "common/event/pending_floor.h"

#include <algorithm>

namespace embudo::event {
namespace {

// From time to time all is read from the beginning, so that whatever lies below a floor against all reason is late and
// not lost.
constexpr int kTicksOfFloors = 60;

}  // namespace

int64_t PendingFloor::Of(int partition) const {
  const auto found = floors_.find(partition);
  return found == floors_.end() ? 0 : found->second;
}

void PendingFloor::Took(const std::map<int, Read>& batch, int limit) {
  // An empty batch proves nothing: it may have been forbidden to number.
  if (batch.empty()) return;
  for (const auto& [partition, read] : batch) {
    int64_t& highest = highest_[partition];
    highest = std::max(highest, read.last);
  }
  if (stage_ != Stage::kOver) return;
  for (auto next = unread_.begin(); next != unread_.end();) {
    const auto read = batch.find(next->first);
    const bool past = read == batch.end() || read->second.rows < limit || read->second.last >= next->second;
    if (past) floors_[next->first] = next->second;
    next = past ? unread_.erase(next) : std::next(next);
  }
  if (unread_.empty()) stage_ = Stage::kIdle;
}

void PendingFloor::Tick(int64_t given, int64_t oldest) {
  if (++ticks_ % kTicksOfFloors == 0) floors_.clear();
  switch (stage_) {
    case Stage::kIdle:
      candidates_ = highest_;
      unread_ = highest_;
      stage_ = Stage::kTaken;
      return;
    case Stage::kTaken:
      given_ = given;
      stage_ = Stage::kRunning;
      return;
    case Stage::kRunning:
      if (oldest >= given_) stage_ = Stage::kOver;
      return;
    case Stage::kOver:
      return;
  }
}

}  // namespace embudo::event
