#include "common/event/consumer.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/base/error.h"
#include "common/db/members.h"
#include "common/event/event.h"
#include "common/event/spans.h"
#include "common/log/log.h"

namespace embudo::event {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The longest rest between two batches.
constexpr milliseconds kLongestRest{20};
constexpr milliseconds kLookForMore{500};
/// How often it looks whether the others have finished an epoch, too.
constexpr milliseconds kEpochPoll{50};

// Of the partitions that are its own or free, as many as its share: first its own. Of its own, those beyond the share
// are given back, for others to take at their next renewal.
std::string RenewSql(const std::string& table) {
  return "WITH open AS (SELECT * FROM " + table + R"(
      WHERE consumer = $1 AND partition BETWEEN $5::int AND $6::int
        AND (holder IS NULL OR holder = $2 OR lease_until < now()) FOR UPDATE SKIP LOCKED
  ), ranked AS (
    SELECT partition, row_number() OVER (ORDER BY holder = $2 DESC NULLS LAST, partition) <= $4::int AS kept FROM open
  )
  UPDATE )" +
         table +
         R"( c SET holder = CASE WHEN kept THEN $2 END,
    lease_until = CASE WHEN kept THEN now() + $3::int * interval '1 millisecond' END
  FROM ranked r WHERE c.consumer = $1 AND c.partition = r.partition AND (kept OR c.holder = $2)
  RETURNING c.partition, c.position, kept)";
}

bool IsPassing(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kAborted ||
         status.code() == absl::StatusCode::kDeadlineExceeded || status.code() == absl::StatusCode::kResourceExhausted;
}

}  // namespace

std::string ConsumerTablesSql(const std::string& schema) {
  return "CREATE TABLE " + schema + R"(.consumer_checkpoint (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    holder text,
    lease_until timestamptz,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
CREATE TABLE )" +
         schema + R"(.dead_letter (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    data bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, partition, position)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON )" +
         schema + ".consumer_checkpoint, " + schema + ".dead_letter TO " + schema + "_worker;\n";
}

Consumer::Options Consumer::OptionsOf(const std::string& service, const std::string& postgres,
                                      const std::string& redis) {
  Options options;
  options.name = service;
  options.schema = service;
  options.postgres = db::ConninfoFor(postgres, service + "_worker", "embudo-" + service + "-consumer");
  options.redis = redis;
  return options;
}

Consumer::Consumer(Options options, Apply apply, metrics::Registry& metrics)
    : options_(std::move(options)),
      apply_(std::move(apply)),
      metrics_(metrics),
      holder_(Uuid::V7(Clock::System().Now()).ToString()),
      reader_(options_.redis, options_.name) {}

Consumer::~Consumer() { Stop(); }

void Consumer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Consumer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Consumer::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool Consumer::Pause(milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !stop_.wait_for(lock, duration, [&] { return stopping_; });
}

void Consumer::Run() {
  std::string last_error;
  while (!Stopping()) {
    const absl::Status status = ConsumeUntilError();
    held_.clear();
    if (status.ok()) break;
    if (MessageOf(status) != last_error) {
      log::Warning("consumer: waiting", {{"consumer", options_.name}, {"why", MessageOf(status)}});
    }
    last_error = MessageOf(status);
    Pause(milliseconds(300));
  }
}

absl::Status Consumer::ConsumeUntilError() {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, db::Connection::Open(options_.postgres));
  if (options_.derived) EMBUDO_RETURN_IF_ERROR(connection->ExecScript("SET synchronous_commit = off"));
  auto next_renewal = steady_clock::time_point::min();
  while (!Stopping()) {
    const auto now = steady_clock::now();
    if (now >= next_renewal || AtEnd()) {
      if (AtEnd()) Pause(kEpochPoll);
      EMBUDO_RETURN_IF_ERROR(RenewLeases(*connection));
      Measure(*connection);
      // Others may be about to give back what this one lacks.
      next_renewal = now + (has_share_ ? options_.lease / 4 : std::min<milliseconds>(kLookForMore, options_.lease / 4));
    }
    if (AtEnd()) continue;
    if (held_.empty()) {
      Pause(milliseconds(500));
      continue;
    }
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<Stored> batch, reader_.Read(*connection, held_, options_.batch_size));
    if (batch.empty()) continue;
    const auto begin = steady_clock::now();
    EMBUDO_RETURN_IF_ERROR(ApplyBatch(*connection, batch));
    if (batch.size() >= static_cast<size_t>(options_.batch_size)) continue;
    // While events come faster than batches are applied, a rest makes the next batch larger and each event cheaper.
    const auto taken = std::chrono::ceil<milliseconds>(steady_clock::now() - begin);
    const auto rest = std::max(options_.gather, batch.size() > 1 ? std::min(kLongestRest, taken) : milliseconds(0));
    if (rest > milliseconds(0)) Pause(rest);
  }
  return connection
      ->Exec("UPDATE " + options_.schema +
                 ".consumer_checkpoint SET holder = NULL, lease_until = NULL WHERE consumer = $1 AND holder = $2",
             db::Params::Of(options_.name, holder_))
      .status();
}

absl::StatusOr<Epoch> Consumer::FindEpochToRead(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const Epochs epochs, ReadEpochs(connection));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec("SELECT partition, position FROM " + options_.schema +
                                                                     ".consumer_checkpoint WHERE consumer = $1",
                                                                 db::Params::Of(options_.name)));
  std::map<int, int64_t> checkpoints;
  for (int i = 0; i < rows.size(); ++i) checkpoints[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  for (const Epoch& epoch : epochs) {
    if (epoch.open()) return epoch;
    for (int partition = epoch.first; partition <= epoch.last(); ++partition) {
      if (checkpoints[partition] < epoch.EndOf(partition)) return epoch;
    }
  }
  return epochs.back();
}

bool Consumer::AtEnd() const {
  return !held_.empty() && !epoch_.open() && std::all_of(held_.begin(), held_.end(), [&](const auto& held) {
    return held.second >= epoch_.EndOf(held.first);
  });
}

absl::Status Consumer::RenewLeases(db::Connection& connection) {
  const std::string table = options_.schema + ".consumer_checkpoint";
  EMBUDO_ASSIGN_OR_RETURN(epoch_, FindEpochToRead(connection));
  EMBUDO_RETURN_IF_ERROR(
      connection
          .Exec("INSERT INTO " + table + " (consumer, partition)" +
                    " SELECT $1, p FROM generate_series($2::int, $3::int) AS p ON CONFLICT DO NOTHING",
                db::Params::Of(options_.name, epoch_.first, epoch_.last()))
          .status());
  EMBUDO_ASSIGN_OR_RETURN(const int members, db::CountMembers(connection, "consumer " + options_.name));
  const int share = db::FairShare(epoch_.partitions, members);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(RenewSql(table), db::Params::Of(options_.name, holder_, static_cast<int>(options_.lease.count()),
                                                      share, epoch_.first, epoch_.last())));
  std::map<int, int64_t> held;
  for (int i = 0; i < rows.size(); ++i) {
    if (rows[i].Bool(2)) held[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  }
  held_ = std::move(held);
  has_share_ = held_.size() == static_cast<size_t>(share);
  metrics_.Gauge("embudo_consumer_partitions", "Partitions that this process consumes", {{"consumer", options_.name}})
      .Set(static_cast<double>(held_.size()));
  metrics_
      .Gauge("embudo_consumer_epoch_partitions", "Partitions that all processes of a consumer have to share",
             {{"consumer", options_.name}})
      .Set(epoch_.partitions);
  return absl::OkStatus();
}

absl::Status Consumer::ApplyBatch(db::Connection& connection, const std::vector<Stored>& batch) {
  absl::Status status = ApplyInTx(connection, batch, false, "");
  if (status.ok() || IsPassing(status) || connection.broken()) {
    failures_ = 0;
    return status;
  }
  // One of them is bad: find it by going one at a time.
  for (const Stored& stored : batch) {
    for (failures_ = 0;; ++failures_) {
      status = ApplyInTx(connection, {stored}, false, "");
      if (status.ok()) break;
      if (IsPassing(status)) return status;
      if (failures_ + 1 >= options_.attempts) {
        log::Error("consumer: event put to the dead letters", {{"consumer", options_.name},
                                                               {"partition", stored.partition},
                                                               {"position", stored.position},
                                                               {"why", MessageOf(status)}});
        metrics_
            .Counter("embudo_consumer_dead_letters_total", "Events that could not be applied",
                     {{"consumer", options_.name}})
            .Increment();
        EMBUDO_RETURN_IF_ERROR(ApplyInTx(connection, {stored}, true, MessageOf(status)));
        break;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Consumer::ApplyInTx(db::Connection& connection, const std::vector<Stored>& batch, bool dead_letter,
                                 const std::string& error) {
  const auto begin = steady_clock::now();
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("BEGIN"));
  absl::Status status;
  std::vector<type::v1::Event> events;
  if (dead_letter) {
    status =
        connection
            .Exec("INSERT INTO " + options_.schema +
                      ".dead_letter (consumer, partition, position, error, data) VALUES ($1, $2::smallint, $3, $4, $5)",
                  db::Params::Of(options_.name, batch[0].partition, batch[0].position, error).AddBytes(batch[0].data))
            .status();
  } else {
    events.reserve(batch.size());
    for (const Stored& stored : batch) {
      if (stored.data.empty()) continue;  // a place alone
      if (!ParseStored(stored.data, stored.partition, stored.position, &events.emplace_back())) {
        status = Internal("an event that can't be parsed");
      }
    }
    if (status.ok() && !events.empty()) status = apply_(connection, events);
  }
  std::map<int, int64_t> to;
  for (const Stored& stored : batch) to[stored.partition] = stored.position;
  if (status.ok()) status = MoveCheckpoints(connection, to);
  if (status.ok()) status = connection.ExecScript("COMMIT");
  if (!status.ok()) {
    if (!connection.broken()) connection.ExecScript("ROLLBACK").IgnoreError();
    return status;
  }
  for (const auto& [partition, position] : to) held_[partition] = position;
  metrics_.Counter("embudo_consumer_events_total", "Events applied", {{"consumer", options_.name}})
      .Increment(static_cast<double>(batch.size()));
  RecordEvents(trace::Span::Kind::kConsumer, options_.name + " apply", begin, events);
  return absl::OkStatus();
}

void Consumer::Measure(db::Connection& connection) {
  std::map<int, int64_t> lags;
  for (const auto& [partition, position] : measured_) lags[partition] = 0;
  // Figures alone: what they cannot be had for is no reason to stop.
  const auto heads = connection.Exec("SELECT partition, position FROM pipeline.event_heads");
  if (!heads.ok()) return;
  for (int i = 0; i < heads->size(); ++i) {
    const auto held = held_.find(static_cast<int>((*heads)[i].Int(0)));
    if (held != held_.end()) lags[held->first] = std::max<int64_t>(0, (*heads)[i].Int(1) - held->second);
  }
  for (const auto& [partition, lag] : lags) {
    metrics_
        .Gauge("embudo_consumer_lag_events", "Events of a partition held here that are not yet applied",
               {{"consumer", options_.name}, {"partition", std::to_string(partition)}})
        .Set(static_cast<double>(lag));
  }
  measured_ = held_;
  const auto letters = connection.Exec("SELECT count(*) FROM " + options_.schema + ".dead_letter WHERE consumer = $1",
                                       db::Params::Of(options_.name));
  if (!letters.ok()) return;
  metrics_
      .Gauge("embudo_consumer_dead_letters", "Events that could not be applied and wait for somebody",
             {{"consumer", options_.name}})
      .Set(static_cast<double>((*letters)[0].Int(0)));
}

absl::Status Consumer::MoveCheckpoints(db::Connection& connection, const std::map<int, int64_t>& to) {
  std::vector<std::string> partitions;
  std::vector<std::string> from;
  std::vector<std::string> positions;
  for (const auto& [partition, position] : to) {
    partitions.push_back(std::to_string(partition));
    from.push_back(std::to_string(held_[partition]));
    positions.push_back(std::to_string(position));
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result moved,
      connection.Exec("UPDATE " + options_.schema +
                          ".consumer_checkpoint c SET position = m.position"
                          " FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS m(partition, old, position)"
                          " JOIN pipeline.event_heads h USING (partition)"
                          " WHERE c.consumer = $1 AND c.partition = m.partition AND c.position = m.old"
                          // Redis may know of events that a restored database has not, until the relay empties it.
                          " AND m.position <= h.position",
                      db::Params::Of(options_.name, partitions, from, positions)));
  if (moved.affected() != static_cast<int64_t>(to.size())) {
    return Error(absl::StatusCode::kAborted, "LEASE_LOST",
                 "another process moved the checkpoint, or Redis is ahead of the database");
  }
  return absl::OkStatus();
}

}  // namespace embudo::event
