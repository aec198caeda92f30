#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "services/pipeline/events/log_event.h"
#include "services/pipeline/events/want.h"

namespace embudo::pipeline::events {

/// How much is handed over at once.
struct Portion {
  size_t items = 0;
  size_t bytes = 0;
};

/// The newest events of the log, in memory, within bounds of number and size. One thread at a time.
class Window {
 public:
  Window(size_t events, size_t bytes) : most_events_(events), most_bytes_(bytes) {}

  /// A partition whose events up to `last` are not in memory.
  void Begin(int partition, int64_t last);
  void Append(std::shared_ptr<const LogEvent> event);
  /// Lets all events go; the places are kept.
  void Clear();
  /// The log goes up to here, and nothing of it is in memory.
  void Skip(int partition, int64_t last);

  /// The next places; `end` tells whether they are the last that there are. nullopt: what comes next is not in memory
  /// any more.
  std::optional<std::vector<LogItem>> After(const Want& want, const Portion& most, bool* end) const;
  int64_t Backlog(const Want& want) const;
  /// The last position read, by partition.
  std::map<int, int64_t> Ends() const;
  size_t bytes() const { return bytes_; }

 private:
  struct Partition {
    std::deque<std::shared_ptr<const LogEvent>> events;
    int64_t last = 0;
  };

  const size_t most_events_;
  const size_t most_bytes_;
  std::map<int, Partition> partitions_;
  std::deque<int> arrival_;  ///< partition of each event in memory, oldest first
  size_t bytes_ = 0;
};

}  // namespace embudo::pipeline::events
