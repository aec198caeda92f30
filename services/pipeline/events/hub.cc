#include "services/pipeline/events/hub.h"

#include <prometheus/gauge.h>

#include <utility>

#include "common/base/error.h"
#include "common/event/event.h"
#include "common/log/log.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{200};
constexpr milliseconds kQuery{10000};

constexpr char kHeads[] = "SELECT partition, position FROM pipeline.event_head WHERE partition < $1::int";
// Ids are of UUID version 7: they begin with the time, in milliseconds.
constexpr char kAt[] =
    "SELECT p.partition, min(p.position) - 1 FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, "
    "day, seq)"
    " WHERE p.day >= $1::date AND e.event_id >= $2::uuid GROUP BY p.partition";
constexpr char kEarliest[] = "SELECT event_id FROM pipeline.event ORDER BY day, seq LIMIT 1";

std::string LowestIdAt(Time time) {
  Uuid id{};
  const int64_t ms = std::chrono::floor<milliseconds>(time).time_since_epoch().count();
  for (int i = 0; i < 6; ++i) id.bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  return id.ToString();
}

Time TimeOfId(const Uuid& id) {
  int64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | id.bytes[static_cast<size_t>(i)];
  return Time(milliseconds(ms));
}

}  // namespace

Hub::Hub(Options options, metrics::Registry& metrics)
    : options_(std::move(options)), metrics_(metrics), pool_(options_.postgres, 2) {}

Hub::~Hub() { Stop(); }

void Hub::Start() {
  reader_ = std::thread([this] { ReadLoop(); });
  feeder_ = std::thread([this] { FeedLoop(); });
}

void Hub::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (reader_.joinable()) reader_.join();
  if (feeder_.joinable()) feeder_.join();
}

void Hub::Add(std::shared_ptr<Subscriber> subscriber) {
  const std::lock_guard lock(mutex_);
  subscribers_.push_back(std::move(subscriber));
  signalled_ = true;
  changed_.notify_all();
  metrics_.Gauge("embudo_event_subscribers", "Streams of events that are open")
      .Set(static_cast<double>(subscribers_.size()));
}

void Hub::Remove(const Subscriber* subscriber) {
  const std::lock_guard lock(mutex_);
  subscribers_.remove_if([&](const auto& other) { return other.get() == subscriber; });
  metrics_.Gauge("embudo_event_subscribers", "Streams of events that are open")
      .Set(static_cast<double>(subscribers_.size()));
}

void Hub::Wake() {
  const std::lock_guard lock(mutex_);
  signalled_ = true;
  changed_.notify_all();
}

void Hub::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  signalled_ = true;
  changed_.notify_all();
}

absl::StatusOr<Positions> Hub::Latest() {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", db::After(kQuery), kHeads, db::Params::Of(event::kPartitions)));
  Positions positions;
  for (int i = 0; i < rows.size(); ++i) positions[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  return positions;
}

absl::StatusOr<Positions> Hub::At(Time time) {
  EMBUDO_ASSIGN_OR_RETURN(Positions positions, Latest());
  const std::string day = FormatDate(ToDate(std::chrono::floor<std::chrono::days>(time)));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, "", db::After(kQuery), kAt, db::Params::Of(day, LowestIdAt(time))));
  for (int i = 0; i < rows.size(); ++i) positions[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  return positions;
}

absl::StatusOr<std::optional<Time>> Hub::EarliestTime() {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, "", db::After(kQuery), kEarliest, {}));
  if (rows.empty()) return std::optional<Time>();
  const auto id = Uuid::Parse(rows[0].Text(0));
  return id ? std::optional<Time>(TimeOfId(*id)) : std::nullopt;
}

void Hub::ReadLoop() {
  std::string last_error;
  while (true) {
    const absl::Status status = ReadUntilError();
    if (status.ok()) return;
    if (MessageOf(status) != last_error) log::Warning("event hub: waiting", {{"why", MessageOf(status)}});
    last_error = MessageOf(status);
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, milliseconds(300), [&] { return stopping_; })) return;
  }
}

absl::Status Hub::ReadUntilError() {
  EMBUDO_ASSIGN_OR_RETURN(const auto connection, db::Connection::Open(options_.postgres));
  event::LogReader log(options_.redis, "event hub");
  Positions positions;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, state] : partitions_) positions[partition] = state.last;
  }
  if (positions.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(positions, Latest());
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, position] : positions) partitions_[partition].last = position;
    ready_ = true;
  }
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return absl::OkStatus();
    }
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<event::Stored> batch, log.Read(*connection, positions, 2000));
    for (const event::Stored& stored : batch) positions[stored.partition] = stored.position;
    if (!batch.empty()) Append(batch);
  }
}

void Hub::Append(const std::vector<event::Stored>& batch) {
  {
    // With nobody to feed, the places are all that is kept; a subscriber that comes reads the table first.
    const std::lock_guard lock(mutex_);
    if (subscribers_.empty()) {
      arrival_.clear();
      for (auto& [number, partition] : partitions_) partition.events.clear();
      for (const event::Stored& stored : batch) partitions_[stored.partition].last = stored.position;
      return;
    }
  }
  std::vector<EventPtr> events;
  events.reserve(batch.size());
  for (const event::Stored& stored : batch) {
    auto parsed = std::make_shared<type::v1::Event>();
    event::ParseStored(stored.data, stored.partition, stored.position, parsed.get());
    events.push_back(std::move(parsed));
  }
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < batch.size(); ++i) {
    Partition& partition = partitions_[batch[i].partition];
    partition.events.push_back(std::move(events[i]));
    partition.last = batch[i].position;
    arrival_.push_back(batch[i].partition);
  }
  while (arrival_.size() > options_.window) {
    partitions_[arrival_.front()].events.pop_front();
    arrival_.pop_front();
  }
  signalled_ = true;
  changed_.notify_all();
}

void Hub::FeedLoop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, kTick, [&] { return stopping_ || signalled_; });
    if (stopping_) return;
    signalled_ = false;
    std::deque<std::function<void()>> tasks = std::exchange(tasks_, {});
    const std::vector<std::shared_ptr<Subscriber>> subscribers(subscribers_.begin(), subscribers_.end());
    const bool ready = ready_;
    lock.unlock();
    for (auto& task : tasks) task();
    bool fed = false;
    for (const auto& subscriber : subscribers) {
      if (ready) fed = Feed(*subscriber) || fed;
      subscriber->Tick();
    }
    lock.lock();
    signalled_ = signalled_ || fed;
  }
}

bool Hub::Feed(Subscriber& subscriber) {
  const std::optional<Positions> after = subscriber.Wants();
  if (!after) return false;
  bool caught_up = false;
  std::optional<std::vector<EventPtr>> events = FromWindow(*after, &caught_up);
  if (!events) {
    absl::StatusOr<std::vector<EventPtr>> read = FromTable(*after, &caught_up);
    if (!read.ok()) return false;  // the database is away; the next tick tries again
    events = *std::move(read);
  }
  subscriber.Take(*events, caught_up);
  return !events->empty();
}

std::optional<std::vector<Hub::EventPtr>> Hub::FromWindow(const Positions& after, bool* caught_up) {
  const std::lock_guard lock(mutex_);
  std::vector<EventPtr> events;
  *caught_up = true;
  for (const auto& [number, partition] : partitions_) {
    const auto position = after.find(number);
    const int64_t next = (position == after.end() ? 0 : position->second) + 1;
    if (next > partition.last) continue;
    const int64_t first = partition.events.empty() ? partition.last + 1 : partition.events.front()->position();
    if (next < first) return std::nullopt;
    for (auto i = static_cast<size_t>(next - first); i < partition.events.size(); ++i) {
      if (events.size() >= options_.chunk) {
        *caught_up = false;
        return events;
      }
      events.push_back(partition.events[i]);
    }
  }
  return events;
}

absl::StatusOr<std::vector<Hub::EventPtr>> Hub::FromTable(const Positions& after, bool* caught_up) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(db::After(kQuery)));
  std::vector<event::Stored> stored;
  Positions last;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, partition] : partitions_) last[number] = partition.last;
  }
  *caught_up = true;
  for (const auto& [partition, end] : last) {
    const auto position = after.find(partition);
    const int64_t from = position == after.end() ? 0 : position->second;
    const int limit = static_cast<int>(options_.chunk - stored.size());
    if (from >= end) continue;
    if (limit <= 0) {
      *caught_up = false;
      break;
    }
    const size_t before = stored.size();
    EMBUDO_RETURN_IF_ERROR(event::LogReader::ReadTable(*lease, partition, from, limit, &stored));
    if (stored.size() - before == static_cast<size_t>(limit)) *caught_up = false;
  }
  std::vector<EventPtr> events;
  for (const event::Stored& one : stored) {
    auto parsed = std::make_shared<type::v1::Event>();
    event::ParseStored(one.data, one.partition, one.position, parsed.get());
    events.push_back(std::move(parsed));
  }
  return events;
}

}  // namespace embudo::pipeline::events
