#include "services/pipeline/events/hub.h"

#include <prometheus/gauge.h>

#include <algorithm>
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

/// Reads what lies before the hub's first event.
absl::StatusOr<std::map<int, int64_t>> ReadHeads(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kHeads, db::Params::Of(event::kPartitions)));
  std::map<int, int64_t> heads;
  for (int i = 0; i < rows.size(); ++i) heads[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
  return heads;
}

}  // namespace

Hub::Hub(Options options, metrics::Registry& metrics)
    : options_(std::move(options)), metrics_(metrics), pool_(options_.postgres, 3) {}

Hub::~Hub() { Stop(); }

void Hub::Start() {
  reader_ = std::thread([this] { ReadLoop(); });
  feeder_ = std::thread([this] { FeedLoop(); });
  catcher_ = std::thread([this] { CatchUpLoop(); });
}

void Hub::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  work_.notify_all();
  for (std::thread* thread : {&reader_, &feeder_, &catcher_}) {
    if (thread->joinable()) thread->join();
  }
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
  behind_.erase(subscriber);
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
  work_.notify_all();
}

int64_t Hub::Backlog(const Want& want) {
  const std::lock_guard lock(mutex_);
  int64_t backlog = 0;
  for (const auto& [number, partition] : partitions_) {
    const auto at = static_cast<size_t>(number);
    if (want.partitions[at]) backlog += std::max<int64_t>(0, partition.last - want.after[at]);
  }
  return backlog;
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
  std::map<int, int64_t> positions;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, state] : partitions_) positions[partition] = state.last;
  }
  if (positions.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(positions, ReadHeads(*connection));
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
    std::vector<std::shared_ptr<Subscriber>> subscribers;
    for (const auto& subscriber : subscribers_) {
      if (!behind_.contains(subscriber.get())) subscribers.push_back(subscriber);
    }
    const bool ready = ready_;
    lock.unlock();
    bool fed = false;
    std::vector<std::shared_ptr<Subscriber>> behind;
    for (const auto& subscriber : subscribers) {
      if (ready && !Feed(*subscriber, &fed)) behind.push_back(subscriber);
      subscriber->Tick();
    }
    lock.lock();
    signalled_ = signalled_ || fed;
    for (auto& subscriber : behind) behind_.emplace(subscriber.get(), std::move(subscriber));
    if (!behind_.empty()) work_.notify_all();
  }
}

bool Hub::Feed(Subscriber& subscriber, bool* fed) {
  const std::optional<Want> want = subscriber.Wants();
  if (!want) return true;
  bool caught_up = false;
  const std::optional<std::vector<EventPtr>> events = FromWindow(*want, &caught_up);
  if (!events) return false;
  subscriber.Take(*events, caught_up, Backlog(*want) - static_cast<int64_t>(events->size()));
  *fed = *fed || !events->empty();
  return true;
}

void Hub::CatchUpLoop() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return stopping_ || !tasks_.empty() || !behind_.empty(); });
    if (stopping_) return;
    std::deque<std::function<void()>> tasks = std::exchange(tasks_, {});
    const auto behind = behind_;
    lock.unlock();
    for (auto& task : tasks) task();
    std::vector<const Subscriber*> done;
    bool away = false;
    for (const auto& [key, subscriber] : behind) {
      if (!CatchUp(*subscriber, &away)) done.push_back(key);
      subscriber->Tick();
    }
    lock.lock();
    for (const Subscriber* subscriber : done) behind_.erase(subscriber);
    signalled_ = signalled_ || !done.empty();
    if (signalled_) changed_.notify_all();
    // The database is away: not so often.
    if (away) work_.wait_for(lock, kTick, [&] { return stopping_; });
  }
}

bool Hub::CatchUp(Subscriber& subscriber, bool* away) {
  const std::optional<Want> want = subscriber.Wants();
  if (!want) return false;
  bool caught_up = false;
  if (FromWindow(*want, &caught_up)) return false;
  const absl::StatusOr<std::vector<EventPtr>> events = FromTable(*want, &caught_up);
  if (!events.ok()) {
    *away = true;
    return true;
  }
  subscriber.Take(*events, caught_up, Backlog(*want) - static_cast<int64_t>(events->size()));
  return !events->empty();
}

std::optional<std::vector<Hub::EventPtr>> Hub::FromWindow(const Want& want, bool* caught_up) {
  const std::lock_guard lock(mutex_);
  std::vector<EventPtr> events;
  *caught_up = true;
  for (const auto& [number, partition] : partitions_) {
    if (!want.partitions[static_cast<size_t>(number)]) continue;
    const int64_t next = want.after[static_cast<size_t>(number)] + 1;
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

absl::StatusOr<std::vector<Hub::EventPtr>> Hub::FromTable(const Want& want, bool* caught_up) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(db::After(kQuery)));
  std::vector<event::Stored> stored;
  Positions last{};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, partition] : partitions_) last[static_cast<size_t>(number)] = partition.last;
  }
  *caught_up = true;
  for (size_t partition = 0; partition < last.size(); ++partition) {
    const int limit = static_cast<int>(options_.chunk - stored.size());
    if (!want.partitions[partition] || want.after[partition] >= last[partition]) continue;
    if (limit <= 0) {
      *caught_up = false;
      break;
    }
    const size_t before = stored.size();
    EMBUDO_RETURN_IF_ERROR(
        event::LogReader::ReadTable(*lease, static_cast<int>(partition), want.after[partition], limit, &stored));
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
