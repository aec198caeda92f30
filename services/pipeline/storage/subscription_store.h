#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/event/epoch.h"

namespace embudo::pipeline::storage {

/// Which subscription.
struct SubscriptionKey {
  std::string tenant;
  std::string subscription;  ///< its id
};

/// How far a subscription is in a partition.
struct SubscriptionPlace {
  int partition = 0;
  int64_t position = 0;
  /// Raised by every seek.
  int generation = 0;
};

/// An event of the lane beside the log.
struct LaneRow {
  int partition = 0;
  int64_t position = 0;
  std::string event_id;
  std::string partition_key;
  std::string data;
  int delivery_count = 0;
  bool redriven = false;
  std::string reason;
  Time first_time;
  /// When it is delivered next; nullopt: when the one before it of the same key is done.
  std::optional<Time> next_time;
  std::optional<Time> park_time;
};

using LanePlace = std::pair<int, int64_t>;  ///< partition and position

/// Makes the places of a new subscription; `positions` by partition.
absl::Status CreatePlaces(db::Connection& connection, const SubscriptionKey& key, const event::Epoch& epoch,
                          const std::vector<int64_t>& positions);
/// The epoch that a subscription's places are of.
absl::StatusOr<event::Epoch> EpochOf(db::Connection& connection, const SubscriptionKey& key);
/// The same; where that one is closed and dealt with to its end, the subscription is moved to the next first. For a
/// transaction.
absl::StatusOr<event::Epoch> EnterEpoch(db::Connection& connection, const SubscriptionKey& key);
/// Moves a subscription to places of another epoch, from which nobody reads yet; what waits in the lane comes with it,
/// in order, at positions before the first. For a transaction.
absl::Status MoveToEpoch(db::Connection& connection, const SubscriptionKey& key, const event::Epoch& epoch,
                         const std::vector<int64_t>& positions);

/// Removes all that is kept for a subscription, its places too: who reads it holds nothing any more.
absl::Status ForgetSubscription(db::Connection& connection, const SubscriptionKey& key);

/// Switches one off, and says why.
absl::Status PauseSubscription(db::Connection& connection, const SubscriptionKey& key, const std::string& reason,
                               Time now);

/// Says that a worker is there, for `lease_ms` from now. How many there are.
absl::StatusOr<int> JoinWorkers(db::Connection& connection, const SubscriptionKey& key, const std::string& worker,
                                int lease_ms);
/// Renews the worker's leases, and takes free partitions up to `share`. All that it holds now.
absl::StatusOr<std::vector<SubscriptionPlace>> HoldPlaces(db::Connection& connection, const SubscriptionKey& key,
                                                          const std::string& worker, int share, int lease_ms);
absl::Status ReleasePlaces(db::Connection& connection, const SubscriptionKey& key, const std::string& worker,
                           const std::vector<int>& partitions);
/// Forgets the worker and its leases.
absl::Status LeaveWorkers(db::Connection& connection, const SubscriptionKey& key, const std::string& worker);
/// ABORTED, reason LEASE_LOST, if one of them is no longer the worker's, or of another generation.
absl::Status MovePlaces(db::Connection& connection, const SubscriptionKey& key, const std::string& worker,
                        const std::vector<SubscriptionPlace>& to);

/// Writes rows of the lane; one that is there keeps its first_time.
absl::Status PutLane(db::Connection& connection, const SubscriptionKey& key, const std::vector<LaneRow>& rows);
/// The same for an event that is to be delivered once more at once. One that waits for its next attempt keeps its turn,
/// so that those behind it follow; one that was parked begins anew.
absl::Status PutAgain(db::Connection& connection, const SubscriptionKey& key, const LaneRow& row);
absl::Status DropLane(db::Connection& connection, const SubscriptionKey& key, const std::vector<LanePlace>& places);
/// Of these keys of a partition each lets the first that waits go. The keys of which nothing is in the lane any more.
absl::StatusOr<std::set<std::pair<int, std::string>>> AdvanceLane(db::Connection& connection,
                                                                  const SubscriptionKey& key,
                                                                  const std::set<std::pair<int, std::string>>& keys,
                                                                  Time now);
/// Rows of these partitions that are due, in the order of their places.
absl::StatusOr<std::vector<LaneRow>> DueLane(db::Connection& connection, const SubscriptionKey& key,
                                             const std::vector<int>& partitions, Time now, int limit);
/// The keys of these partitions that later events have to wait for.
absl::StatusOr<std::set<std::pair<int, std::string>>> BlockedKeys(db::Connection& connection,
                                                                  const SubscriptionKey& key,
                                                                  const std::vector<int>& partitions);

}  // namespace embudo::pipeline::storage
