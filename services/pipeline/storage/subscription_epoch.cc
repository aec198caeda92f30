// A subscription in the epochs of the log: its places are of one epoch, and move to the next when that one is over.

#include <algorithm>

#include "common/base/error.h"
#include "common/event/event.h"
#include "services/pipeline/storage/subscription_store.h"

namespace embudo::pipeline::storage {
namespace {

constexpr char kPlaces[] =
    "SELECT partition, position FROM pipeline.subscription_place WHERE tenant_id = $1 AND subscription_id = $2"
    " ORDER BY partition";

constexpr char kReplace[] =
    "WITH gone AS (DELETE FROM pipeline.subscription_place WHERE tenant_id = $1 AND subscription_id = $2"
    " RETURNING generation)"
    " INSERT INTO pipeline.subscription_place (tenant_id, subscription_id, partition, position, generation)"
    " SELECT $1, $2, $4::int + ord - 1, position, (SELECT coalesce(max(generation), 0) + 1 FROM gone)"
    " FROM unnest($3::bigint[]) WITH ORDINALITY AS p(position, ord)";

constexpr char kKeys[] =
    "SELECT DISTINCT partition_key FROM pipeline.subscription_lane WHERE tenant_id = $1 AND subscription_id = $2"
    " AND partition NOT BETWEEN $3::int AND $4::int";

// They come before everything of the epoch, in the order that they were in.
constexpr char kMoveLane[] = R"(
UPDATE pipeline.subscription_lane l SET partition = n.to_partition, position = n.to_position FROM (
  SELECT o.partition, o.position, k.partition AS to_partition,
    row_number() OVER (PARTITION BY k.partition ORDER BY o.partition, o.position) - 1
      - count(*) OVER (PARTITION BY k.partition) AS to_position
  FROM pipeline.subscription_lane o
  JOIN unnest($5::text[], $6::int[]) AS k(partition_key, partition) USING (partition_key)
  WHERE o.tenant_id = $1 AND o.subscription_id = $2 AND o.partition NOT BETWEEN $3::int AND $4::int) n
WHERE l.tenant_id = $1 AND l.subscription_id = $2 AND l.partition = n.partition AND l.position = n.position)";

/// The epoch of the places, and whether all of it is dealt with.
absl::StatusOr<std::pair<event::Epoch, bool>> ReadEpoch(db::Connection& connection, const SubscriptionKey& key,
                                                        const event::Epochs& epochs, const std::string& lock) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kPlaces + lock, db::Params::Of(key.tenant, key.subscription)));
  if (rows.empty()) return std::pair(epochs.back(), false);
  const event::Epoch& epoch = event::EpochOfPartition(epochs, static_cast<int>(rows[0].Int(0)));
  bool over = !epoch.open();
  for (int i = 0; i < rows.size() && over; ++i) {
    over = rows[i].Int(1) >= epoch.EndOf(static_cast<int>(rows[i].Int(0)));
  }
  return std::pair(epoch, over);
}

}  // namespace

absl::StatusOr<event::Epoch> EpochOf(db::Connection& connection, const SubscriptionKey& key) {
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, event::ReadEpochs(connection));
  EMBUDO_ASSIGN_OR_RETURN(const auto now, ReadEpoch(connection, key, epochs, ""));
  return now.first;
}

absl::StatusOr<event::Epoch> EnterEpoch(db::Connection& connection, const SubscriptionKey& key) {
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, event::ReadEpochs(connection));
  EMBUDO_ASSIGN_OR_RETURN(auto now, ReadEpoch(connection, key, epochs, ""));
  if (!now.second) return now.first;
  // Another worker may be about to do the same.
  EMBUDO_ASSIGN_OR_RETURN(now, ReadEpoch(connection, key, epochs, " FOR UPDATE"));
  const event::Epoch* const next = event::FindEpoch(epochs, now.first.number + 1);
  if (!now.second || next == nullptr) return now.first;
  EMBUDO_RETURN_IF_ERROR(
      MoveToEpoch(connection, key, *next, std::vector<int64_t>(static_cast<size_t>(next->partitions), 0)));
  return *next;
}

absl::Status MoveToEpoch(db::Connection& connection, const SubscriptionKey& key, const event::Epoch& epoch,
                         const std::vector<int64_t>& positions) {
  std::vector<std::string> texts;
  for (const int64_t position : positions) texts.push_back(std::to_string(position));
  EMBUDO_RETURN_IF_ERROR(
      connection.Exec(kReplace, db::Params::Of(key.tenant, key.subscription, texts, epoch.first)).status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kKeys, db::Params::Of(key.tenant, key.subscription,
                                                                                       epoch.first, epoch.last())));
  if (rows.empty()) return absl::OkStatus();
  std::vector<std::string> keys;
  std::vector<std::string> partitions;
  for (int i = 0; i < rows.size(); ++i) {
    keys.emplace_back(rows[i].Text(0));
    partitions.push_back(std::to_string(epoch.PartitionOf(event::HashOf(key.tenant, keys.back()))));
  }
  return connection
      .Exec(kMoveLane, db::Params::Of(key.tenant, key.subscription, epoch.first, epoch.last(), keys, partitions))
      .status();
}

}  // namespace embudo::pipeline::storage
