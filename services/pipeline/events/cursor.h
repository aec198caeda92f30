#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace embudo::pipeline::events {

/// The last position read, by partition.
using Positions = std::map<int, int64_t>;

/// Turns positions into the opaque cursors that subscribers keep, and back. A cursor names its tenant and the epoch of
/// the partitions, and bears a MAC: a forged or another tenant's one is refused.
class CursorCodec {
 public:
  explicit CursorCodec(std::string key) : key_(std::move(key)) {}

  std::string Encode(std::string_view tenant, const Positions& positions) const;
  /// INVALID_ARGUMENT, reason INVALID_CURSOR.
  absl::StatusOr<Positions> Decode(std::string_view tenant, const std::string& cursor) const;

 private:
  std::string Mac(std::string_view tenant, std::string_view body) const;

  const std::string key_;
};

}  // namespace embudo::pipeline::events
