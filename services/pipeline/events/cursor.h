#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/event/epoch.h"

namespace embudo::pipeline::events {

/// The last position read in each partition of an epoch.
class Positions {
 public:
  explicit Positions(const event::Epoch& epoch = {}) : epoch_(epoch), at_(static_cast<size_t>(epoch.partitions)) {}

  const event::Epoch& epoch() const { return epoch_; }
  /// By the number of a partition of this epoch.
  int64_t& operator[](int partition) { return at_.at(static_cast<size_t>(partition - epoch_.first)); }
  int64_t operator[](int partition) const { return at_.at(static_cast<size_t>(partition - epoch_.first)); }
  /// Whether all of a closed epoch is read.
  bool AtEnd(const event::Epoch& closed) const {
    return std::equal(at_.begin(), at_.end(), closed.ends.begin(), closed.ends.end(), std::greater_equal<>());
  }
  /// In the order of the partitions.
  const std::vector<int64_t>& values() const { return at_; }
  std::vector<int64_t>& values() { return at_; }

 private:
  event::Epoch epoch_;
  std::vector<int64_t> at_;
};

/// What a cursor holds.
struct Place {
  Positions positions{};
  /// In a snapshot: the last lead of it that was sent, nil before the first; `positions` are those that the snapshot is
  /// of. Not in a snapshot: nullopt.
  std::optional<Uuid> snapshot_after;
};

/// Turns places into the opaque cursors that subscribers keep, and back. A cursor names its tenant and the epoch of the
/// partitions, and bears a MAC: a forged or another tenant's one is refused.
class CursorCodec {
 public:
  explicit CursorCodec(std::string key) : key_(std::move(key)) {}

  std::string Encode(std::string_view tenant, const Place& place) const;
  /// INVALID_ARGUMENT, reason INVALID_CURSOR, naming `field`.
  absl::StatusOr<Place> Decode(std::string_view tenant, const std::string& cursor, std::string_view field,
                               const event::Epochs& epochs) const;

 private:
  std::string Mac(std::string_view tenant, std::string_view body) const;

  const std::string key_;
};

}  // namespace embudo::pipeline::events
