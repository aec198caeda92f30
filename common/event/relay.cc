#include "common/event/relay.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/db/members.h"
#include "common/event/event.h"
#include "common/event/spans.h"
#include "common/log/log.h"

namespace embudo::event {
namespace {

using std::chrono::milliseconds;

// The class of the advisory locks; the partition is the second key.
constexpr int kLockClass = 0x656d6275;

constexpr char kLockHeads[] =
    "SELECT partition FROM pipeline.event_head WHERE partition = ANY($1::int[]) ORDER BY partition FOR UPDATE";

// Takes a batch out of event_pending, numbers it from the locked heads on, and returns it with its data. The limit is a
// partition's, so that what is read follows the primary key and a long queue costs no more than a short one. Nothing is
// numbered in an epoch that is over, nor while something waits in an older one: it may have to come first. What is
// taken is deleted by its place: of a queue that is empty now and long in a moment the statistics tell nothing.
constexpr char kNumber[] = R"(
WITH batch AS MATERIALIZED (
  SELECT p.place, p.partition, p.seq, p.day, p.tenant_id FROM unnest($1::int[], $4::bigint[]) AS held(partition, floor)
  CROSS JOIN LATERAL (
    SELECT ctid AS place, * FROM pipeline.event_pending WHERE partition = held.partition AND seq > held.floor
    ORDER BY seq LIMIT $2::int) p
  WHERE EXISTS (SELECT FROM pipeline.event_epoch WHERE first_partition = $3 AND close_time IS NULL)
    AND NOT EXISTS (SELECT FROM pipeline.event_pending WHERE partition < $3)
), taken AS (
  DELETE FROM pipeline.event_pending WHERE ctid = ANY (ARRAY(SELECT place FROM batch))
), numbered AS (
  INSERT INTO pipeline.event_position (partition, position, day, seq, tenant_id)
  SELECT b.partition, h.position + row_number() OVER (PARTITION BY b.partition ORDER BY b.seq),
    b.day, b.seq, b.tenant_id
  FROM batch b JOIN pipeline.event_head h USING (partition)
  RETURNING partition, position, day, seq, tenant_id
), advanced AS (
  UPDATE pipeline.event_head h SET position = top.position
  FROM (SELECT partition, max(position) AS position FROM numbered GROUP BY partition) top
  WHERE h.partition = top.partition
)
SELECT n.partition, n.position, e.data, n.seq FROM numbered n JOIN pipeline.event e USING (tenant_id, day, seq)
ORDER BY n.partition, n.position)";

// Over the heads, so that each partition's first row is found by its key.
constexpr char kOldest[] = R"(
SELECT min(e.event_id::text) FROM pipeline.event_head h
LEFT JOIN unnest($1::int[], $2::bigint[]) AS held(partition, floor) USING (partition) CROSS JOIN LATERAL (
  SELECT * FROM pipeline.event_pending WHERE partition = h.partition AND seq > coalesce(held.floor, 0)
  ORDER BY seq LIMIT 1) p
JOIN pipeline.event e USING (tenant_id, day, seq))";

constexpr char kHeads[] =
    "SELECT partition, position, resend_wanted, resend_done FROM pipeline.event_head WHERE partition = ANY($1::int[])";

constexpr char kResent[] = "UPDATE pipeline.event_head SET resend_done = $2 WHERE partition = $1::smallint";

constexpr char kWaiting[] =
    "(SELECT partition FROM pipeline.event_pending WHERE partition < $2::int ORDER BY partition LIMIT 1) UNION ALL"
    " (SELECT held.partition FROM unnest($1::int[], $4::bigint[]) AS held(partition, floor) WHERE EXISTS"
    " (SELECT FROM pipeline.event_pending WHERE partition = held.partition AND seq > held.floor) LIMIT 1) UNION ALL"
    " (SELECT partition FROM pipeline.event_pending WHERE partition > $3::int ORDER BY partition LIMIT 1)";

constexpr char kStragglers[] =
    "SELECT p.partition, p.seq, p.day, p.tenant_id, e.data FROM pipeline.event_pending p"
    " JOIN pipeline.event e USING (tenant_id, day, seq) WHERE p.partition < $1::int ORDER BY p.partition, p.seq"
    " LIMIT $2::int FOR UPDATE OF p SKIP LOCKED";

constexpr char kMove[] = R"(
WITH moved AS (
  SELECT * FROM unnest($1::int[], $2::bigint[], $3::date[], $4::text[], $5::int[])
    AS m(old, seq, day, tenant_id, partition)
), pending AS (
  UPDATE pipeline.event_pending p SET partition = m.partition FROM moved m WHERE p.partition = m.old AND p.seq = m.seq
)
UPDATE pipeline.event e SET partition = m.partition FROM moved m
WHERE e.tenant_id = m.tenant_id AND e.day = m.day AND e.seq = m.seq)";

constexpr char kFromPosition[] = R"(
SELECT p.partition, p.position, e.data
FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq)
WHERE p.partition = $1::smallint AND p.position > $2 ORDER BY p.position LIMIT $3::int)";

/// Publishing is a hop of the traces of the calls that caused the events.
void RecordPublished(const db::Result& rows, std::chrono::steady_clock::time_point start) {
  if (!trace::IsRecording()) return;
  std::vector<type::v1::Event> events(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) {
    ParseStored(rows[i].Bytes(2), static_cast<int>(rows[i].Int(0)), rows[i].Int(1), &events[static_cast<size_t>(i)]);
  }
  RecordEvents(trace::Span::Kind::kProducer, "relay publish", start, events);
}

constexpr char kTransactions[] =
    "SELECT pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

std::string PartitionArray(const std::map<int, int64_t>& held) {
  std::string out = "{";
  for (const auto& [partition, position] : held) out += (out.size() > 1 ? "," : "") + std::to_string(partition);
  return out + "}";
}

/// Whatever Redis says: that it is full, or wants a password, shows nowhere else.
void LogAway(const absl::Status& why) {
  log::Warning("relay: Redis is away, events wait in PostgreSQL", {{"why", MessageOf(why)}});
}

}  // namespace

Relay::Relay(Options options, metrics::Registry& metrics) : options_(std::move(options)), metrics_(metrics) {}

Relay::~Relay() { Stop(); }

void Relay::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Relay::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Relay::Wake() {
  {
    const std::lock_guard lock(mutex_);
    if (signalled_) return;
    signalled_ = true;
  }
  wake_.notify_one();
}

bool Relay::WaitForWork(milliseconds longest) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, longest, [&] { return signalled_ || stopping_; });
  signalled_ = false;
  return !stopping_;
}

void Relay::Run() {
  std::string last_error;
  while (WaitForWork(milliseconds(0))) {
    const absl::Status status = RelayUntilError();
    published_.clear();
    floor_ = {};  // the next database may be a copy that lagged, whose numbers begin again
    epoch_over_ = true;
    redis_.reset();
    closed_streams_ = true;
    if (status.ok()) continue;
    if (MessageOf(status) != last_error) log::Warning("relay: waiting", {{"why", MessageOf(status)}});
    last_error = MessageOf(status);
    WaitForWork(milliseconds(200));
  }
}

absl::Status Relay::RelayUntilError() {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, db::Connection::Open(options_.postgres));
  // event_pending is empty most of the time, and the planner does not know how many rows a batch has: it would read all
  // of the table, or join a batch with all of it.
  EMBUDO_RETURN_IF_ERROR(
      connection->ExecScript("SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off"));
  auto next_check = std::chrono::steady_clock::time_point::min();
  while (true) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_check || epoch_over_) {
      EMBUDO_RETURN_IF_ERROR(TakePartitions(*connection));
      EMBUDO_RETURN_IF_ERROR(CheckTops(*connection));
      EMBUDO_RETURN_IF_ERROR(RaiseFloor(*connection));
      EMBUDO_RETURN_IF_ERROR(Measure(*connection));
      next_check = now + std::chrono::seconds(1);
    }
    EMBUDO_ASSIGN_OR_RETURN(const int count, Number(*connection));
    if (count == 0 && !WaitForWork(options_.poll)) return absl::OkStatus();
  }
}

absl::Status Relay::TakePartitions(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(Epochs epochs, ReadEpochs(connection));
  if (epochs.back().number != epoch_.number) {
    EMBUDO_RETURN_IF_ERROR(GiveBack(connection, 0));
    epoch_ = epochs.back();
    closed_streams_ = true;
    log::Info("relay: an epoch of the log", {{"epoch", epoch_.number}, {"partitions", epoch_.partitions}});
  }
  epochs_ = std::move(epochs);
  epoch_over_ = false;
  EMBUDO_ASSIGN_OR_RETURN(const int members, db::CountMembers(connection, "relay"));
  const auto share = static_cast<size_t>(db::FairShare(epoch_.partitions, members));
  EMBUDO_RETURN_IF_ERROR(GiveBack(connection, share));
  for (int partition = epoch_.first; partition <= epoch_.last() && published_.size() < share; ++partition) {
    if (published_.contains(partition)) continue;
    EMBUDO_ASSIGN_OR_RETURN(const db::Result taken, connection.Exec("SELECT pg_try_advisory_lock($1::int, $2::int)",
                                                                    db::Params::Of(kLockClass, partition)));
    if (taken[0].Bool(0)) published_[partition] = -1;
  }
  metrics_.Gauge("embudo_relay_partitions", "Partitions that this process relays")
      .Set(static_cast<double>(published_.size()));
  metrics_.Gauge("embudo_relay_epoch_partitions", "Partitions that all relays have to share").Set(epoch_.partitions);
  return absl::OkStatus();
}

absl::Status Relay::GiveBack(db::Connection& connection, size_t kept) {
  while (published_.size() > kept) {
    const int partition = published_.rbegin()->first;
    EMBUDO_RETURN_IF_ERROR(
        connection.Exec("SELECT pg_advisory_unlock($1::int, $2::int)", db::Params::Of(kLockClass, partition)).status());
    published_.erase(partition);
  }
  return absl::OkStatus();
}

std::string Relay::Floors() const {
  std::string out = "{";
  for (const auto& [partition, position] : published_) {
    out += (out.size() > 1 ? "," : "") + std::to_string(floor_.Of(partition));
  }
  return out + "}";
}

absl::Status Relay::RaiseFloor(db::Connection& connection) {
  if (!floor_.Lags()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result transactions, connection.Exec(kTransactions));
  floor_.Tick(transactions[0].Int(0), transactions[0].Int(1));
  return absl::OkStatus();
}

void Relay::NoteTaken(const db::Result& rows, int limit) {
  std::map<int, PendingFloor::Read> batch;
  for (int i = 0; i < rows.size(); ++i) {
    PendingFloor::Read& read = batch[static_cast<int>(rows[i].Int(0))];
    ++read.rows;
    read.last = rows[i].Int(3);
  }
  floor_.Took(batch, limit);
}

absl::Status Relay::Measure(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result oldest,
                          connection.Exec(kOldest, db::Params::Of(PartitionArray(published_), Floors())));
  double seconds = 0;
  if (!oldest[0].IsNull(0)) {
    // The id bears the time: the first 48 bits of a UUIDv7 are milliseconds.
    const std::string id(oldest[0].Text(0));
    const auto made = milliseconds(std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16));
    seconds = std::chrono::duration<double>(Clock::System().Now().time_since_epoch() - made).count();
  }
  metrics_.Gauge("embudo_outbox_oldest_seconds", "Age of the oldest event that has no position yet; 0: there is none")
      .Set(std::max(0.0, seconds));
  metrics_.Gauge("embudo_relay_redis_up", "Whether the relay reaches Redis").Set(redis_ == nullptr ? 0 : 1);
  return absl::OkStatus();
}

absl::Status Relay::DropClosedStreams() {
  if (!closed_streams_) return absl::OkStatus();
  for (const Epoch& epoch : epochs_) {
    if (epoch.number >= epoch_.number) break;
    for (int partition = epoch.first; partition <= epoch.last(); ++partition) {
      EMBUDO_RETURN_IF_ERROR(redis_->Command({"UNLINK", epoch.StreamKey(partition)}).status());
    }
  }
  closed_streams_ = false;
  return absl::OkStatus();
}

absl::Status Relay::MoveStragglers(db::Connection& connection) {
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("BEGIN"));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kStragglers, db::Params::Of(epoch_.first, options_.batch_size)));
  std::vector<std::string> old, seqs, days, tenants, partitions;
  for (int i = 0; i < rows.size(); ++i) {
    type::v1::Event event;
    if (!event.ParseFromString(rows[i].Bytes(4))) return Internal("an event that can't be parsed");
    old.emplace_back(rows[i].Text(0));
    seqs.emplace_back(rows[i].Text(1));
    days.emplace_back(rows[i].Text(2));
    tenants.emplace_back(rows[i].Text(3));
    partitions.push_back(std::to_string(epoch_.PartitionOf(HashOf(tenants.back(), event.partition_key()))));
  }
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kMove, db::Params::Of(old, seqs, days, tenants, partitions)).status());
  return connection.ExecScript("COMMIT");
}

absl::StatusOr<int> Relay::Number(db::Connection& connection) {
  if (published_.empty()) return 0;
  const std::string partitions = PartitionArray(published_);
  const std::string floors = Floors();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result waiting,
                          connection.Exec(kWaiting, db::Params::Of(partitions, epoch_.first, epoch_.last(), floors)));
  if (waiting.empty()) return 0;
  if (waiting[waiting.size() - 1].Int(0) > epoch_.last()) {
    epoch_over_ = true;
    return 0;
  }
  if (waiting[0].Int(0) < epoch_.first) EMBUDO_RETURN_IF_ERROR(MoveStragglers(connection));
  const int each = std::max(1, options_.batch_size / static_cast<int>(published_.size()));
  const auto start = std::chrono::steady_clock::now();
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("BEGIN"));
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kLockHeads, db::Params::Of(partitions)).status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kNumber, db::Params::Of(partitions, each, epoch_.first, floors)));
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("COMMIT"));
  NoteTaken(rows, each);
  // Something waits, and may not be numbered: the log may have been divided anew.
  epoch_over_ = rows.empty();
  // Redis being away delays readers and loses nothing: CheckTops sends what is missing once it is back.
  const absl::Status published = Publish(rows);
  if (published.ok()) {
    RecordPublished(rows, start);
  } else {
    if (redis_ != nullptr) LogAway(published);
    redis_.reset();
    for (auto& [partition, position] : published_) position = -1;
  }
  return rows.size();
}

absl::Status Relay::Publish(const db::Result& rows) {
  if (redis_ == nullptr) {
    return Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE", "Redis is away");
  }
  const std::string length = std::to_string(options_.stream_length);
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    const std::string key = epoch_.StreamKey(static_cast<int>(row.Int(0)));
    const std::string id = std::string(row.Text(1)) + "-0";
    const std::string data = row.Bytes(2);
    redis_->Append({"XADD", key, "MAXLEN", "~", length, id, "e", data});
  }
  for (int i = 0; i < rows.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(const redis::Reply reply, redis_->Next());
    // "equal or smaller": it is there already.
    if (reply.is_error() && reply.text().find("equal or smaller") == std::string_view::npos) {
      return Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE", reply.text());
    }
    int64_t& published = published_[static_cast<int>(rows[i].Int(0))];
    if (published >= 0) published = std::max(published, rows[i].Int(1));
  }
  metrics_.Counter("embudo_relay_published_total", "Events sent to Redis").Increment(rows.size());
  return absl::OkStatus();
}

absl::Status Relay::CheckTops(db::Connection& connection) {
  if (redis_ == nullptr) {
    auto opened = redis::Connection::Open(options_.redis, milliseconds(2000));
    if (!opened.ok()) {
      LogAway(opened.status());
      return absl::OkStatus();
    }
    redis_ = *std::move(opened);
    closed_streams_ = true;
  }
  absl::Status status = DropClosedStreams();
  if (status.ok()) status = Resend(connection);
  if (!status.ok() && ReasonOf(status) == "REDIS_UNAVAILABLE") {
    LogAway(status);
    redis_.reset();
    return absl::OkStatus();
  }
  return status;
}

absl::Status Relay::Resend(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result heads, connection.Exec(kHeads, db::Params::Of(PartitionArray(published_))));
  for (int i = 0; i < heads.size(); ++i) {
    const int partition = static_cast<int>(heads[i].Int(0));
    const int64_t head = heads[i].Int(1);
    // Events were rewritten: the stream is dropped, and filled from the table like one that was lost.
    const bool anew = heads[i].Int(2) > heads[i].Int(3);
    if (anew) EMBUDO_RETURN_IF_ERROR(redis_->Command({"DEL", epoch_.StreamKey(partition)}).status());
    EMBUDO_ASSIGN_OR_RETURN(const redis::Reply top,
                            redis_->Command({"XREVRANGE", epoch_.StreamKey(partition), "+", "-", "COUNT", "1"}));
    int64_t last = top.size() == 0 ? 0 : std::strtoll(std::string(top[0][0].text()).c_str(), nullptr, 10);
    if (last > head) {
      EMBUDO_ASSIGN_OR_RETURN(const bool ahead, ResetIfAhead(connection, partition, last));
      if (!ahead) continue;
      last = 0;
    }
    // A stream keeps stream_length entries at most; what is older is read from PostgreSQL anyway.
    last = std::max(last, head - options_.stream_length);
    while (last < head) {
      EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                              connection.Exec(kFromPosition, db::Params::Of(partition, last, options_.batch_size)));
      if (rows.empty()) break;
      EMBUDO_RETURN_IF_ERROR(Publish(rows));
      last = rows[rows.size() - 1].Int(1);
      log::Info("relay: sent again", {{"partition", partition}, {"up_to", last}});
    }
    published_[partition] = head;
    if (!anew) continue;
    EMBUDO_RETURN_IF_ERROR(connection.Exec(kResent, db::Params::Of(partition, heads[i].Int(2))).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Relay::ResetIfAhead(db::Connection& connection, int partition, int64_t top) {
  // Asked again, since a relay before this one may just have numbered what it published.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result head,
                          connection.Exec(kHeads, db::Params::Of("{" + std::to_string(partition) + "}")));
  if (top <= head[0].Int(1)) return false;
  // The database was restored, or failed over to a copy that lagged: those events are no longer, and their positions
  // will be given to others, which Redis would refuse.
  log::Error("relay: Redis has events that the database has not; the stream is begun anew",
             {{"partition", partition}, {"redis", top}, {"database", head[0].Int(1)}});
  EMBUDO_RETURN_IF_ERROR(redis_->Command({"DEL", epoch_.StreamKey(partition)}).status());
  metrics_.Counter("embudo_relay_streams_reset_total", "Streams begun anew, because Redis was ahead of the database")
      .Increment();
  return true;
}

}  // namespace embudo::event
