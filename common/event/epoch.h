#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::event {

/// A division of the log into partitions. A change of their number closes one epoch and opens the next, whose
/// partitions have numbers that were not used before: so the number of a partition tells its epoch, and a place is a
/// partition and a position (docs/events.md).
struct Epoch {
  int number = 1;
  int first = 0;  ///< the number of its first partition
  int partitions = 16;
  /// The last position of each partition, once the epoch is closed; empty while it is open.
  std::vector<int64_t> ends;

  bool open() const { return ends.empty(); }
  int last() const { return first + partitions - 1; }
  bool Contains(int partition) const { return partition >= first && partition <= last(); }
  /// Of a closed epoch.
  int64_t EndOf(int partition) const { return ends.at(static_cast<size_t>(partition - first)); }
  /// The partition of a key whose hash this is (HashOf).
  int PartitionOf(uint32_t hash) const { return first + static_cast<int>(hash % static_cast<uint32_t>(partitions)); }
  /// The Redis stream of a partition: `embudo:events:<epoch>:<partition>`, counted from 0 in each epoch. An entry's id
  /// is `<position>-0`; its one field `e` holds the serialised Event, without partition and position, which the stream
  /// and the id tell.
  std::string StreamKey(int partition) const;
};

/// All epochs, the last one open. Never empty.
using Epochs = std::vector<Epoch>;

absl::StatusOr<Epochs> ReadEpochs(db::Connection& connection);
/// The epoch of a partition; the last one for a number that is not known yet.
const Epoch& EpochOfPartition(const Epochs& epochs, int partition);
/// nullptr if there is none of that number.
const Epoch* FindEpoch(const Epochs& epochs, int number);

/// The epochs as they were at most `kEpochsAge` ago. One thread at a time.
class EpochCache {
 public:
  /// Valid until the next call.
  absl::StatusOr<const Epochs*> Get(db::Connection& connection);

 private:
  static constexpr std::chrono::milliseconds kEpochsAge{250};

  Epochs epochs_;
  std::chrono::steady_clock::time_point read_{};
};

}  // namespace embudo::event
