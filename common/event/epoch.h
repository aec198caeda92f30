#pragma once

#include <cstdint>
#include <string>

namespace embudo::event {

/// A division of the log into partitions. A change of their number closes one epoch and opens the next, whose
/// partitions have numbers that were not used before: so the number of a partition tells its epoch, and a place is a
/// partition and a position (docs/events.md).
struct Epoch {
  int number = 1;
  int first = 0;  ///< the number of its first partition
  int partitions = 16;

  bool Contains(int partition) const { return partition >= first && partition < first + partitions; }

  friend bool operator==(const Epoch&, const Epoch&) = default;
};

}  // namespace embudo::event
