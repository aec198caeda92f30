#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/redis/connection.h"

namespace embudo::redis {

inline constexpr int kSlots = 16384;

/// The slot of a key in Redis Cluster: CRC-16/XMODEM of the key, or of what stands between its first `{` and the next
/// `}`, modulo 16384 (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
int SlotOf(std::string_view key);

/// How a connection to one node is made.
using OpenNode = std::function<absl::StatusOr<std::unique_ptr<Connection>>(const std::string& address,
                                                                           std::chrono::milliseconds timeout)>;

/// A connection to all primaries of a cluster. `seeds`: some of its nodes, separated by commas; the first that answers
/// tells the rest. Redirections (MOVED, ASK) are followed; after one, the map of the slots is read anew.
absl::StatusOr<std::unique_ptr<Connection>> OpenCluster(const std::string& seeds, std::chrono::milliseconds timeout,
                                                        const OpenNode& open_node);

}  // namespace embudo::redis
