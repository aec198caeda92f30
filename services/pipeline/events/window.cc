#include "services/pipeline/events/window.h"

#include <algorithm>
#include <utility>

namespace embudo::pipeline::events {

void Window::Begin(int partition, int64_t last) { partitions_.try_emplace(partition).first->second.last = last; }

void Window::Append(std::shared_ptr<const LogEvent> event) {
  Partition& partition = partitions_[event->partition()];
  // Places are counted from the first that is in memory: after a gap in the log it begins anew.
  if (event->position() != partition.last + 1) Clear();
  partition.last = event->position();
  bytes_ += event->bytes();
  arrival_.push_back(event->partition());
  partition.events.push_back(std::move(event));
  while (arrival_.size() > most_events_ || (bytes_ > most_bytes_ && arrival_.size() > 1)) {
    std::deque<std::shared_ptr<const LogEvent>>& oldest = partitions_[arrival_.front()].events;
    bytes_ -= oldest.front()->bytes();
    oldest.pop_front();
    arrival_.pop_front();
  }
}

void Window::Clear() {
  for (auto& [number, partition] : partitions_) partition.events.clear();
  arrival_.clear();
  bytes_ = 0;
}

void Window::Skip(int partition, int64_t last) { partitions_[partition].last = last; }

std::optional<std::vector<LogItem>> Window::After(const Want& want, const Portion& most, bool* end) const {
  std::vector<LogItem> items;
  size_t bytes = 0;
  *end = true;
  for (const int number : want.partitions) {
    const auto found = partitions_.find(number);
    if (found == partitions_.end()) continue;
    const Partition& partition = found->second;
    const int64_t next = want.after[number] + 1;
    if (next > partition.last) continue;
    const int64_t first = partition.events.empty() ? partition.last + 1 : partition.events.front()->position();
    if (next < first) return std::nullopt;
    for (auto i = static_cast<size_t>(next - first); i < partition.events.size(); ++i) {
      const std::shared_ptr<const LogEvent>& event = partition.events[i];
      const bool own = event->tenant() == want.tenant;
      if (items.size() >= most.items || bytes >= most.bytes) {
        *end = false;
        return items;
      }
      if (own) bytes += event->wire().size();
      AddItem(&items, {number, event->position(), own ? event : nullptr});
    }
  }
  return items;
}

int64_t Window::Backlog(const Want& want) const {
  int64_t backlog = 0;
  for (const int number : want.partitions) {
    const auto partition = partitions_.find(number);
    if (partition != partitions_.end()) backlog += std::max<int64_t>(0, partition->second.last - want.after[number]);
  }
  if (static_cast<int>(want.partitions.size()) < want.after.epoch().partitions) return backlog;
  for (const auto& [number, partition] : partitions_) {
    if (number > want.after.epoch().last()) backlog += partition.last;
  }
  return backlog;
}

std::map<int, int64_t> Window::Ends() const {
  std::map<int, int64_t> ends;
  for (const auto& [number, partition] : partitions_) ends[number] = partition.last;
  return ends;
}

}  // namespace embudo::pipeline::events
