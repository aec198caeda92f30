#include "services/pipeline/events/session.h"

#include <algorithm>
#include <memory>

#include "common/base/error.h"
#include "common/event/event.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using storage::LaneRow;

constexpr milliseconds kTransaction{10000};
/// Rows of the lane that are read at once.
constexpr int kDue = 200;
/// The pause before an event that it has stopped at is judged again.
constexpr milliseconds kStopped{500};

}  // namespace

Session::Session(db::Pool& pool, const Clock& clock, Options options, Settings settings, Judge judge)
    : pool_(pool), clock_(clock), options_(std::move(options)), judge_(std::move(judge)), settings_(settings) {}

int64_t Session::Partition::done(const std::set<int64_t>& leaving) const {
  const auto first =
      std::find_if(open.begin(), open.end(), [&](int64_t position) { return !leaving.contains(position); });
  return first == open.end() ? read : *first - 1;
}

void Session::Configure(Settings settings) {
  const std::lock_guard lock(mutex_);
  const bool given_up = settings_.ordered && !settings.ordered;
  settings_ = settings;
  if (!given_up) return;
  // What waited for the one before it waits no more.
  for (auto& [key, waiting] : busy_) {
    for (Item& item : waiting) ready_.push_back(std::move(item));
  }
  busy_.clear();
  waiting_ = 0;
  writes_.advances.insert(blocked_.begin(), blocked_.end());
}

// --- from the hub ---

std::optional<Hub::Want> Session::Wants() {
  const std::lock_guard lock(mutex_);
  const size_t held = ready_.size() + outstanding_.size() + waiting_ + writes_.puts.size();
  if (partitions_.empty() || held >= options_.memory || steady_clock::now() < next_take_) return std::nullopt;
  Hub::Want want;
  want.tenant = options_.key.tenant;
  want.after = Positions(epoch_);
  for (const auto& [number, partition] : partitions_) {
    want.after[number] = partition.read;
    want.partitions.push_back(number);
  }
  return want;
}

void Session::Take(const std::vector<LogItem>& items, bool caught_up) {
  std::set<int> stopped;
  for (const LogItem& item : items) {
    if (stopped.contains(item.partition)) continue;
    // Outside of the lock: it may ask the database.
    const Verdict verdict = item.event == nullptr ? Verdict::kSkip : judge_(*item.event->parsed());
    const std::lock_guard lock(mutex_);
    const auto partition = partitions_.find(item.partition);
    if (partition == partitions_.end() || item.position <= partition->second.read) continue;
    if (verdict == Verdict::kStop) {
      stopped.insert(item.partition);
      next_take_ = steady_clock::now() + kStopped;
      continue;
    }
    partition->second.read = item.position;
    if (verdict == Verdict::kDeliver) Admit(item.event->parsed());
  }
  const std::lock_guard lock(mutex_);
  caught_up_ = caught_up && stopped.empty();
}

void Session::Admit(Hub::EventPtr event) {
  partitions_[event->partition()].open.insert(event->position());
  Item item;
  item.at_partition = event->partition();
  item.at_position = event->position();
  item.event = std::move(event);
  item.first_time = clock_.Now();
  const auto busy = busy_.find(item.key());
  // So that one lead of which much happens leaves room for the others.
  const bool full = busy != busy_.end() && busy->second.size() >= options_.queue;
  if (settings_.ordered && (full || blocked_.contains(item.key()))) {
    return ToLane(std::move(item), std::nullopt, std::nullopt);
  }
  Enqueue(std::move(item));
}

void Session::Enqueue(Item item) {
  if (settings_.ordered && !item.redriven) {
    const auto [busy, first] = busy_.try_emplace(item.key());
    if (!first) {
      busy->second.push_back(std::move(item));
      ++waiting_;
      return;
    }
  }
  ready_.push_back(std::move(item));
}

// --- for the worker ---

Hub::EventPtr Session::Next() {
  const std::lock_guard lock(mutex_);
  return ready_.empty() ? nullptr : ready_.front().event;
}

Session::Delivery Session::Deliver() {
  const std::lock_guard lock(mutex_);
  Item item = std::move(ready_.front());
  ready_.pop_front();
  const Time now = clock_.Now();
  if (item.attempts++ == 0 && !item.lane) item.first_time = now;
  Delivery delivery{item.event, item.attempts, item.first_time};
  const std::string id = item.event->id();
  const auto other = outstanding_.find(id);
  if (other != outstanding_.end()) {
    // Asked for by hand while it is on its way: the row that asked is not needed.
    if (item.lane) {
      writes_.drops.emplace_back(item.partition(), item.position());
    } else {
      writes_.drops.emplace_back(other->second.item.partition(), other->second.item.position());
      other->second.item = std::move(item);
    }
    other->second.deadline = now + settings_.ack_deadline;
    return delivery;
  }
  outstanding_[id] = {std::move(item), now + settings_.ack_deadline};
  return delivery;
}

std::optional<Session::Item> Session::TakeOutstanding(const std::string& event_id) {
  const auto found = outstanding_.find(event_id);
  if (found == outstanding_.end()) return std::nullopt;
  Item item = std::move(found->second.item);
  outstanding_.erase(found);
  return item;
}

void Session::Ack(const std::string& event_id) {
  const std::lock_guard lock(mutex_);
  const std::optional<Item> item = TakeOutstanding(event_id);
  if (item) Finish(*item);
}

std::optional<Time> Session::Retry(const std::string& event_id, std::optional<milliseconds> after,
                                   const std::string& reason) {
  const std::lock_guard lock(mutex_);
  std::optional<Item> item = TakeOutstanding(event_id);
  if (!item) return std::nullopt;
  item->reason = reason;
  if (Exhausted(*item)) {
    ParkItem(*std::move(item), reason);
    return std::nullopt;
  }
  const int doublings = std::min(item->attempts - 1, 20);
  const milliseconds pause =
      after.value_or(std::min(settings_.first_pause * (1 << doublings), settings_.longest_pause));
  const Time next = clock_.Now() + pause;
  const Key key = item->key();
  const bool redriven = item->redriven;
  ToLane(*std::move(item), next, std::nullopt);
  if (settings_.ordered && !redriven) QueueToLane(key);
  return next;
}

void Session::Park(const std::string& event_id, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  std::optional<Item> item = TakeOutstanding(event_id);
  if (item) ParkItem(*std::move(item), reason);
}

void Session::Extend(const std::string& event_id) {
  const std::lock_guard lock(mutex_);
  const auto found = outstanding_.find(event_id);
  if (found != outstanding_.end()) found->second.deadline = clock_.Now() + settings_.ack_deadline;
}

bool Session::Expire() {
  const std::lock_guard lock(mutex_);
  const Time now = clock_.Now();
  std::vector<std::string> late;
  for (const auto& [id, outstanding] : outstanding_) {
    if (outstanding.deadline <= now) late.push_back(id);
  }
  for (const std::string& id : late) {
    Item item = *TakeOutstanding(id);
    if (Exhausted(item)) {
      ParkItem(std::move(item), "it was not acknowledged in time");
    } else {
      ready_.push_back(std::move(item));
    }
  }
  return !late.empty();
}

bool Session::Exhausted(const Item& item) const {
  if (settings_.patience) return clock_.Now() - item.first_time >= *settings_.patience;
  return item.attempts >= settings_.max_deliveries;
}

void Session::Finish(const Item& item) {
  if (item.lane) {
    writes_.drops.emplace_back(item.partition(), item.position());
    if (!item.redriven) writes_.advances.insert(item.key());
  } else {
    partitions_[item.partition()].open.erase(item.position());
  }
  Release(item);
}

void Session::Release(const Item& item) {
  if (!settings_.ordered || item.redriven) return;
  const auto busy = busy_.find(item.key());
  if (busy == busy_.end()) return;
  if (busy->second.empty()) {
    // Those behind it that wait in the lane may go.
    if (blocked_.contains(item.key())) writes_.advances.insert(item.key());
    busy_.erase(busy);
    return;
  }
  ready_.push_back(std::move(busy->second.front()));
  busy->second.pop_front();
  --waiting_;
}

void Session::ToLane(Item item, std::optional<Time> next_time, std::optional<Time> park_time) {
  if (!item.redriven && !park_time) blocked_.insert(item.key());
  // What is in memory comes before all that waits in the lane: its last one lets the lane go.
  if (!item.redriven && !busy_.contains(item.key())) writes_.advances.insert(item.key());
  writes_.puts.push_back({item.partition(), item.position(), item.event->id(), item.event->partition_key(),
                          item.event->SerializeAsString(), item.attempts, item.redriven, item.reason, item.first_time,
                          next_time, park_time});
}

void Session::QueueToLane(const Key& key) {
  const auto busy = busy_.find(key);
  if (busy == busy_.end()) return;
  for (Item& item : busy->second) {
    --waiting_;
    ToLane(std::move(item), std::nullopt, std::nullopt);
  }
  busy_.erase(busy);
}

void Session::ParkItem(Item item, const std::string& reason) {
  item.reason = reason;
  Release(item);
  ToLane(std::move(item), clock_.Now(), clock_.Now());
}

// --- what is told of it ---

int Session::outstanding() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(outstanding_.size());
}

bool Session::caught_up() const {
  const std::lock_guard lock(mutex_);
  return caught_up_ && ready_.empty();
}

std::vector<int> Session::partitions() const {
  const std::lock_guard lock(mutex_);
  std::vector<int> numbers;
  for (const auto& [number, partition] : partitions_) numbers.push_back(number);
  return numbers;
}

int64_t Session::Backlog(Hub& hub) const {
  Hub::Want want;
  {
    const std::lock_guard lock(mutex_);
    want.after = Positions(epoch_);
    for (const auto& [number, partition] : partitions_) {
      want.after[number] = partition.done();
      want.partitions.push_back(number);
    }
  }
  return hub.Backlog(want);
}

bool Session::dirty() const {
  const std::lock_guard lock(mutex_);
  return !writes_.empty() || std::any_of(partitions_.begin(), partitions_.end(),
                                         [](const auto& entry) { return entry.second.done() != entry.second.written; });
}

// --- with the database ---

absl::Status Session::Sync(bool due) {
  // What waited for what is written now may be due after it.
  const bool writes = dirty();
  const absl::Status flushed = writes ? Flush() : absl::OkStatus();
  const bool lost = ReasonOf(flushed) == "LEASE_LOST";
  if (!flushed.ok() && !lost) return flushed;
  // Somebody has moved the place or taken the partition over: it looks at once.
  if (lost || EpochOver() || steady_clock::now() >= next_hold_) EMBUDO_RETURN_IF_ERROR(Hold());
  return due || writes ? LoadDue() : absl::OkStatus();
}

bool Session::EpochOver() const {
  const std::lock_guard lock(mutex_);
  return !epoch_.open() && !partitions_.empty() &&
         std::all_of(partitions_.begin(), partitions_.end(),
                     [&](const auto& entry) { return entry.second.written >= epoch_.EndOf(entry.first); });
}

absl::Status Session::Flush(const std::function<absl::Status(db::Connection&)>& also) {
  Batch batch;
  const absl::Status status = db::RunInTx(pool_, "", db::After(kTransaction), [&](db::Connection& connection) {
    batch = TakeBatch();
    absl::Status written = Write(connection, batch);
    if (written.ok() && also) written = also(connection);
    return written;
  });
  if (status.ok()) Written(batch);
  return status;
}

Session::Batch Session::TakeBatch() {
  const std::lock_guard lock(mutex_);
  Batch batch;
  batch.writes = writes_;
  std::set<int> touched;
  for (const LaneRow& row : writes_.puts) {
    batch.to_lane[row.partition].insert(row.position);
    touched.insert(row.partition);
  }
  for (const auto& [number, position] : writes_.drops) touched.insert(number);
  for (const auto& [number, partition] : partitions_) {
    const int64_t done = partition.done(batch.to_lane[number]);
    // A place that does not move is written too where the lane is: that proves that the partition is still this one's.
    if (done != partition.written || touched.contains(number)) {
      batch.places.push_back({number, done, partition.generation});
    }
  }
  return batch;
}

absl::Status Session::Write(db::Connection& connection, Batch& batch) {
  const Writes& writes = batch.writes;
  if (!batch.places.empty()) {
    EMBUDO_RETURN_IF_ERROR(MovePlaces(connection, options_.key, options_.worker, batch.places));
  }
  // An event that leaves the lane and comes back in one batch is there in the end.
  if (!writes.drops.empty()) EMBUDO_RETURN_IF_ERROR(DropLane(connection, options_.key, writes.drops));
  if (!writes.puts.empty()) EMBUDO_RETURN_IF_ERROR(PutLane(connection, options_.key, writes.puts));
  if (writes.advances.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(batch.free, AdvanceLane(connection, options_.key, writes.advances, clock_.Now()));
  return absl::OkStatus();
}

void Session::Written(const Batch& batch) {
  const std::lock_guard lock(mutex_);
  const auto drop_first = [](auto& items, size_t count) {
    items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(count));
  };
  drop_first(writes_.puts, batch.writes.puts.size());
  drop_first(writes_.drops, batch.writes.drops.size());
  std::set<Key> again;  // came up while this was written
  for (const LaneRow& row : writes_.puts) again.emplace(row.partition, row.partition_key);
  for (const Key& key : batch.writes.advances) {
    if (!again.contains(key)) writes_.advances.erase(key);
  }
  for (const Key& key : batch.free) {
    if (!again.contains(key)) blocked_.erase(key);
  }
  for (const auto& [number, positions] : batch.to_lane) {
    for (const int64_t position : positions) {
      partitions_[number].open.erase(position);
      partitions_[number].in_lane.erase(position);
    }
  }
  for (const auto& [number, position] : batch.writes.drops) partitions_[number].in_lane.erase(position);
  for (const storage::SubscriptionPlace& place : batch.places) partitions_[place.partition].written = place.position;
}

absl::Status Session::Hold() {
  const int lease_ms = static_cast<int>(options_.lease.count());
  std::map<int, storage::SubscriptionPlace> now;
  int share = 0;
  event::Epoch epoch;
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, "", db::After(kTransaction), [&](db::Connection& connection) {
    auto entered = EnterEpoch(connection, options_.key);
    if (entered.ok()) epoch = *std::move(entered);
    return entered.status();
  }));
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kTransaction)));
    EMBUDO_ASSIGN_OR_RETURN(const int workers, JoinWorkers(*lease, options_.key, options_.worker, lease_ms));
    share = (epoch.partitions + workers - 1) / workers;
    EMBUDO_ASSIGN_OR_RETURN(const auto places, HoldPlaces(*lease, options_.key, options_.worker, share, lease_ms));
    for (const auto& place : places) now[place.partition] = place;
  }
  next_hold_ = steady_clock::now() + options_.lease / 5;
  std::vector<int> fresh;
  std::vector<int> surplus;
  {
    const std::lock_guard lock(mutex_);
    std::vector<int> lost;
    for (const auto& [number, partition] : partitions_) {
      const auto held = now.find(number);
      if (held == now.end() || held->second.generation != partition.generation) lost.push_back(number);
    }
    for (const int number : lost) Forget(number);
    epoch_ = epoch;
    for (const auto& [number, place] : now) {
      if (!partitions_.contains(number)) fresh.push_back(number);
    }
    for (auto held = now.rbegin(); held != now.rend() && now.size() - surplus.size() > static_cast<size_t>(share);
         ++held) {
      surplus.push_back(held->first);
    }
  }
  if (!surplus.empty()) EMBUDO_RETURN_IF_ERROR(GiveBack(surplus));
  std::erase_if(fresh, [&](int number) { return std::count(surplus.begin(), surplus.end(), number) > 0; });
  if (fresh.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kTransaction)));
  EMBUDO_ASSIGN_OR_RETURN(const auto blocked, BlockedKeys(*lease, options_.key, fresh));
  const std::lock_guard lock(mutex_);
  blocked_.insert(blocked.begin(), blocked.end());
  for (const int number : fresh) {
    Partition& partition = partitions_[number];
    partition.generation = now[number].generation;
    partition.written = partition.read = now[number].position;
  }
  caught_up_ = false;
  return absl::OkStatus();
}

absl::Status Session::GiveBack(const std::vector<int>& partitions) {
  {
    const std::lock_guard lock(mutex_);
    for (const int number : partitions) Unload(number);
  }
  const absl::Status status = Flush(
      [&](db::Connection& connection) { return ReleasePlaces(connection, options_.key, options_.worker, partitions); });
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  for (const int number : partitions) Forget(number);
  return absl::OkStatus();
}

absl::Status Session::LoadDue() {
  const std::vector<int> held = partitions();
  if (held.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kTransaction)));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<LaneRow> rows, DueLane(*lease, options_.key, held, clock_.Now(), kDue));
  const std::lock_guard lock(mutex_);
  for (const LaneRow& row : rows) {
    const auto partition = partitions_.find(row.partition);
    // What is in memory, or about to be written, has its row still as it was.
    if (partition == partitions_.end() || !partition->second.in_lane.insert(row.position).second) continue;
    auto event = std::make_shared<type::v1::Event>();
    if (!event->ParseFromString(row.data)) continue;
    Item item;
    item.event = std::move(event);
    item.at_partition = row.partition;
    item.at_position = row.position;
    item.attempts = row.delivery_count;
    item.lane = true;
    item.redriven = row.redriven;
    item.first_time = row.first_time;
    item.reason = row.reason;
    if (!item.redriven) blocked_.insert(item.key());
    ready_.push_back(std::move(item));
  }
  return absl::OkStatus();
}

void Session::Forget(int partition) {
  const auto of_it = [partition](const Item& item) { return item.partition() == partition; };
  std::erase_if(ready_, of_it);
  std::erase_if(outstanding_, [&](const auto& entry) { return of_it(entry.second.item); });
  for (auto it = busy_.begin(); it != busy_.end();) {
    if (it->first.first == partition) {
      waiting_ -= it->second.size();
      it = busy_.erase(it);
    } else {
      ++it;
    }
  }
  std::erase_if(blocked_, [&](const Key& key) { return key.first == partition; });
  std::erase_if(writes_.puts, [&](const LaneRow& row) { return row.partition == partition; });
  std::erase_if(writes_.drops, [&](const storage::LanePlace& place) { return place.first == partition; });
  std::erase_if(writes_.advances, [&](const Key& key) { return key.first == partition; });
  partitions_.erase(partition);
}

void Session::Unload(int partition) {
  const Time now = clock_.Now();
  std::vector<Item> items;
  for (auto it = outstanding_.begin(); it != outstanding_.end();) {
    if (it->second.item.partition() == partition) {
      items.push_back(std::move(it->second.item));
      it = outstanding_.erase(it);
    } else {
      ++it;
    }
  }
  for (Item& item : ready_) {
    if (item.partition() == partition) items.push_back(std::move(item));
  }
  std::erase_if(ready_, [](const Item& item) { return item.event == nullptr; });
  std::set<Key> keys;
  for (Item& item : items) {
    if (!item.redriven) keys.insert(item.key());
    ToLane(std::move(item), now, std::nullopt);
  }
  for (const Key& key : keys) QueueToLane(key);
}

absl::Status Session::Leave() {
  absl::Status status = GiveBack(partitions());
  // Whoever reads a lost partition now has nothing to do with what this worker still holds of it.
  if (ReasonOf(status) == "LEASE_LOST") status = absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kTransaction)));
  EMBUDO_RETURN_IF_ERROR(LeaveWorkers(*lease, options_.key, options_.worker));
  return status;
}

}  // namespace embudo::pipeline::events
