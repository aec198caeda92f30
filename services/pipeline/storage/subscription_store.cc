#include "services/pipeline/storage/subscription_store.h"

#include "common/base/error.h"

namespace embudo::pipeline::storage {
namespace {

constexpr char kCreatePlaces[] =
    "INSERT INTO pipeline.subscription_place (tenant_id, subscription_id, partition, position)"
    " SELECT $1, $2, $4::int + ord - 1, position FROM unnest($3::bigint[]) WITH ORDINALITY AS p(position, ord)"
    " ON CONFLICT DO NOTHING";

constexpr char kJoin[] =
    "WITH gone AS (DELETE FROM pipeline.subscription_worker WHERE tenant_id = $1 AND subscription_id = $2"
    " AND worker_id <> $3::uuid AND lease_until < now() RETURNING 1),"
    " me AS (INSERT INTO pipeline.subscription_worker (tenant_id, subscription_id, worker_id, lease_until)"
    " VALUES ($1, $2, $3::uuid, now() + $4::int * interval '1 millisecond')"
    " ON CONFLICT (tenant_id, subscription_id, worker_id) DO UPDATE SET lease_until = excluded.lease_until RETURNING 1)"
    " SELECT 1 + count(*) FROM pipeline.subscription_worker WHERE tenant_id = $1 AND subscription_id = $2"
    " AND worker_id <> $3::uuid AND lease_until >= now()";

constexpr char kHold[] =
    "WITH mine AS (SELECT partition FROM pipeline.subscription_place WHERE tenant_id = $1 AND subscription_id = $2"
    " AND holder = $3::uuid FOR UPDATE),"
    " free AS (SELECT partition FROM pipeline.subscription_place WHERE tenant_id = $1 AND subscription_id = $2"
    " AND (holder IS NULL OR (holder <> $3::uuid AND lease_until < now())) ORDER BY partition"
    " LIMIT greatest(0, $4::int - (SELECT count(*) FROM mine)::int) FOR UPDATE SKIP LOCKED)"
    " UPDATE pipeline.subscription_place p SET holder = $3::uuid,"
    " lease_until = now() + $5::int * interval '1 millisecond'"
    " FROM (SELECT partition FROM mine UNION ALL SELECT partition FROM free) h"
    " WHERE p.tenant_id = $1 AND p.subscription_id = $2 AND p.partition = h.partition"
    " RETURNING p.partition, p.position, p.generation";

constexpr char kRelease[] =
    "UPDATE pipeline.subscription_place SET holder = NULL, lease_until = NULL WHERE tenant_id = $1"
    " AND subscription_id = $2 AND holder = $3::uuid AND partition = ANY($4::smallint[])";

constexpr char kLeave[] =
    "WITH places AS (UPDATE pipeline.subscription_place SET holder = NULL, lease_until = NULL"
    " WHERE tenant_id = $1 AND subscription_id = $2 AND holder = $3::uuid)"
    " DELETE FROM pipeline.subscription_worker WHERE tenant_id = $1 AND subscription_id = $2 AND worker_id = $3::uuid";

constexpr char kMove[] =
    "UPDATE pipeline.subscription_place p SET position = m.position"
    " FROM unnest($4::smallint[], $5::bigint[], $6::int[]) AS m(partition, position, generation)"
    " WHERE p.tenant_id = $1 AND p.subscription_id = $2 AND p.holder = $3::uuid AND p.partition = m.partition"
    " AND p.generation = m.generation";

constexpr char kPut[] =
    "INSERT INTO pipeline.subscription_lane AS l (tenant_id, subscription_id, partition, position, event_id,"
    " partition_key, data, delivery_count, redriven, reason, first_time, next_time, park_time)"
    " SELECT $1, $2, r.partition, r.position, r.event_id, r.partition_key, r.data, r.delivery_count, r.redriven,"
    " r.reason, r.first_time, coalesce(r.next_time, 'infinity'), r.park_time"
    " FROM unnest($3::smallint[], $4::bigint[], $5::uuid[], $6::text[], $7::bytea[], $8::int[], $9::bool[], "
    "$10::text[],"
    " $11::timestamptz[], $12::timestamptz[], $13::timestamptz[]) AS r(partition, position, event_id, partition_key,"
    " data, delivery_count, redriven, reason, first_time, next_time, park_time)"
    " ON CONFLICT (tenant_id, subscription_id, partition, position) DO UPDATE SET ";

constexpr char kReplace[] =
    "delivery_count = excluded.delivery_count, redriven = excluded.redriven, reason = excluded.reason,"
    " next_time = excluded.next_time, park_time = excluded.park_time";

constexpr char kAgain[] =
    "delivery_count = CASE WHEN l.park_time IS NULL THEN l.delivery_count ELSE 0 END,"
    " first_time = CASE WHEN l.park_time IS NULL THEN l.first_time ELSE excluded.first_time END,"
    " redriven = l.redriven OR l.park_time IS NOT NULL,"
    " next_time = CASE WHEN l.next_time = 'infinity' THEN l.next_time ELSE excluded.next_time END, park_time = NULL";

constexpr char kDrop[] =
    "DELETE FROM pipeline.subscription_lane l USING unnest($3::smallint[], $4::bigint[]) AS d(partition, position)"
    " WHERE l.tenant_id = $1 AND l.subscription_id = $2 AND l.partition = d.partition AND l.position = d.position";

constexpr char kAdvance[] =
    "WITH key AS (SELECT * FROM unnest($3::smallint[], $4::text[]) AS k(partition, partition_key)),"
    " first AS (SELECT k.partition, k.partition_key, f.position FROM key k LEFT JOIN LATERAL"
    " (SELECT position FROM pipeline.subscription_lane l WHERE l.tenant_id = $1 AND l.subscription_id = $2"
    " AND l.partition = k.partition AND l.partition_key = k.partition_key AND l.park_time IS NULL AND NOT l.redriven"
    " ORDER BY position LIMIT 1) f ON true),"
    " go AS (UPDATE pipeline.subscription_lane l SET next_time = $5 FROM first f WHERE l.tenant_id = $1"
    " AND l.subscription_id = $2 AND l.partition = f.partition AND l.position = f.position"
    " AND l.next_time = 'infinity')"
    " SELECT partition, partition_key FROM first WHERE position IS NULL";

constexpr char kDue[] =
    "SELECT partition, position, event_id, partition_key, data, delivery_count, redriven, reason, first_time"
    " FROM pipeline.subscription_lane WHERE tenant_id = $1 AND subscription_id = $2"
    " AND partition = ANY($3::smallint[]) AND park_time IS NULL AND next_time <= $4 ORDER BY partition, position"
    " LIMIT $5::int";

constexpr char kBlocked[] =
    "SELECT DISTINCT partition, partition_key FROM pipeline.subscription_lane WHERE tenant_id = $1"
    " AND subscription_id = $2 AND partition = ANY($3::smallint[]) AND park_time IS NULL AND NOT redriven";

std::vector<std::string> Texts(const std::vector<int>& numbers) {
  std::vector<std::string> out;
  for (const int number : numbers) out.push_back(std::to_string(number));
  return out;
}

std::set<std::pair<int, std::string>> KeysIn(const db::Result& rows) {
  std::set<std::pair<int, std::string>> keys;
  for (int i = 0; i < rows.size(); ++i) {
    keys.emplace(static_cast<int>(rows[i].Int(0)), std::string(rows[i].Text(1)));
  }
  return keys;
}

}  // namespace

absl::Status CreatePlaces(db::Connection& connection, const SubscriptionKey& key, const event::Epoch& epoch,
                          const std::vector<int64_t>& positions) {
  std::vector<std::string> texts;
  for (const int64_t position : positions) texts.push_back(std::to_string(position));
  return connection.Exec(kCreatePlaces, db::Params::Of(key.tenant, key.subscription, texts, epoch.first)).status();
}

absl::Status ForgetSubscription(db::Connection& connection, const SubscriptionKey& key) {
  for (const std::string table : {"place", "worker", "lane", "secret"}) {
    EMBUDO_RETURN_IF_ERROR(
        connection
            .Exec("DELETE FROM pipeline.subscription_" + table + " WHERE tenant_id = $1 AND subscription_id = $2",
                  db::Params::Of(key.tenant, key.subscription))
            .status());
  }
  return absl::OkStatus();
}

absl::Status PauseSubscription(db::Connection& connection, const SubscriptionKey& key, const std::string& reason,
                               Time now) {
  return connection
      .Exec(
          "UPDATE pipeline.subscription SET paused = true, pause_reason = $4, update_time = $3,"
          " revision = revision + 1, version = version + 1 WHERE tenant_id = $1 AND subscription_id = $2"
          " AND NOT paused",
          db::Params::Of(key.tenant, key.subscription, now, reason))
      .status();
}

absl::StatusOr<int> JoinWorkers(db::Connection& connection, const SubscriptionKey& key, const std::string& worker,
                                int lease_ms) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kJoin, db::Params::Of(key.tenant, key.subscription, worker, lease_ms)));
  return static_cast<int>(rows[0].Int(0));
}

absl::StatusOr<std::vector<SubscriptionPlace>> HoldPlaces(db::Connection& connection, const SubscriptionKey& key,
                                                          const std::string& worker, int share, int lease_ms) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kHold, db::Params::Of(key.tenant, key.subscription,
                                                                                       worker, share, lease_ms)));
  std::vector<SubscriptionPlace> places;
  for (int i = 0; i < rows.size(); ++i) {
    places.push_back({static_cast<int>(rows[i].Int(0)), rows[i].Int(1), static_cast<int>(rows[i].Int(2))});
  }
  return places;
}

absl::Status ReleasePlaces(db::Connection& connection, const SubscriptionKey& key, const std::string& worker,
                           const std::vector<int>& partitions) {
  return connection.Exec(kRelease, db::Params::Of(key.tenant, key.subscription, worker, Texts(partitions))).status();
}

absl::Status LeaveWorkers(db::Connection& connection, const SubscriptionKey& key, const std::string& worker) {
  return connection.Exec(kLeave, db::Params::Of(key.tenant, key.subscription, worker)).status();
}

absl::Status MovePlaces(db::Connection& connection, const SubscriptionKey& key, const std::string& worker,
                        const std::vector<SubscriptionPlace>& to) {
  std::vector<std::string> partitions;
  std::vector<std::string> positions;
  std::vector<std::string> generations;
  for (const SubscriptionPlace& place : to) {
    partitions.push_back(std::to_string(place.partition));
    positions.push_back(std::to_string(place.position));
    generations.push_back(std::to_string(place.generation));
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result moved,
      connection.Exec(kMove, db::Params::Of(key.tenant, key.subscription, worker, partitions, positions, generations)));
  if (moved.affected() == static_cast<int64_t>(to.size())) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "LEASE_LOST", "another worker reads the partition, or its place was moved");
}

namespace {

absl::Status Put(db::Connection& connection, const SubscriptionKey& key, const std::vector<LaneRow>& rows,
                 const std::string& where_there) {
  std::vector<std::string> partitions, positions, events, keys, counts, redriven, reasons, firsts;
  std::vector<std::optional<std::string>> data, nexts, parks;
  const auto text = [](const std::optional<Time>& time) {
    return time ? std::optional<std::string>(FormatTime(*time)) : std::nullopt;
  };
  for (const LaneRow& row : rows) {
    partitions.push_back(std::to_string(row.partition));
    positions.push_back(std::to_string(row.position));
    events.push_back(row.event_id);
    keys.push_back(row.partition_key);
    data.emplace_back(row.data);
    counts.push_back(std::to_string(row.delivery_count));
    redriven.emplace_back(row.redriven ? "t" : "f");
    reasons.push_back(row.reason);
    firsts.push_back(FormatTime(row.first_time));
    nexts.push_back(text(row.next_time));
    parks.push_back(text(row.park_time));
  }
  return connection
      .Exec(kPut + where_there, db::Params::Of(key.tenant, key.subscription, partitions, positions, events, keys)
                                    .AddBytes(data)
                                    .Add(counts)
                                    .Add(redriven)
                                    .Add(reasons)
                                    .Add(firsts)
                                    .Add(nexts)
                                    .Add(parks))
      .status();
}

}  // namespace

absl::Status PutLane(db::Connection& connection, const SubscriptionKey& key, const std::vector<LaneRow>& rows) {
  return Put(connection, key, rows, kReplace);
}

absl::Status PutAgain(db::Connection& connection, const SubscriptionKey& key, const LaneRow& row) {
  return Put(connection, key, {row}, kAgain);
}

absl::Status DropLane(db::Connection& connection, const SubscriptionKey& key, const std::vector<LanePlace>& places) {
  std::vector<std::string> partitions;
  std::vector<std::string> positions;
  for (const auto& [partition, position] : places) {
    partitions.push_back(std::to_string(partition));
    positions.push_back(std::to_string(position));
  }
  return connection.Exec(kDrop, db::Params::Of(key.tenant, key.subscription, partitions, positions)).status();
}

absl::StatusOr<std::set<std::pair<int, std::string>>> AdvanceLane(db::Connection& connection,
                                                                  const SubscriptionKey& key,
                                                                  const std::set<std::pair<int, std::string>>& keys,
                                                                  Time now) {
  std::vector<std::string> partitions;
  std::vector<std::string> texts;
  for (const auto& [partition, text] : keys) {
    partitions.push_back(std::to_string(partition));
    texts.push_back(text);
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kAdvance, db::Params::Of(key.tenant, key.subscription,
                                                                                          partitions, texts, now)));
  return KeysIn(rows);
}

absl::StatusOr<std::vector<LaneRow>> DueLane(db::Connection& connection, const SubscriptionKey& key,
                                             const std::vector<int>& partitions, Time now, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kDue, db::Params::Of(key.tenant, key.subscription,
                                                                                      Texts(partitions), now, limit)));
  std::vector<LaneRow> out;
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    LaneRow& lane = out.emplace_back();
    lane.partition = static_cast<int>(row.Int(0));
    lane.position = row.Int(1);
    lane.event_id = row.Text(2);
    lane.partition_key = row.Text(3);
    lane.data = row.Bytes(4);
    lane.delivery_count = static_cast<int>(row.Int(5));
    lane.redriven = row.Bool(6);
    lane.reason = row.Text(7);
    lane.first_time = row.TimeAt(8);
  }
  return out;
}

absl::StatusOr<std::set<std::pair<int, std::string>>> BlockedKeys(db::Connection& connection,
                                                                  const SubscriptionKey& key,
                                                                  const std::vector<int>& partitions) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kBlocked, db::Params::Of(key.tenant, key.subscription, Texts(partitions))));
  return KeysIn(rows);
}

}  // namespace embudo::pipeline::storage
