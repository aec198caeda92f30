#include "services/pipeline/events/hub.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/event/event.h"
#include "common/log/log.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{200};
/// How long a page is kept for a subscriber that takes nothing of it; less where memory is short.
constexpr milliseconds kPageLife{2000};
constexpr milliseconds kShortPageLife{200};

/// Tells that events before it were rewritten.
constexpr char kErased[] = "privacy.erased";

constexpr char kHeads[] =
    "SELECT partition, position FROM pipeline.event_head WHERE partition BETWEEN $1::int AND $2::int";

}  // namespace

Hub::Hub(Options options, metrics::Registry& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      pool_(options_.postgres, 3),
      window_(options_.window, options_.window_bytes) {}

Hub::~Hub() { Stop(); }

void Hub::Start() {
  threads_.emplace_back([this] { ReadLoop(); });
  threads_.emplace_back([this] { FeedLoop(); });
  threads_.emplace_back([this] { TaskLoop(); });
  for (int i = 0; i < options_.page_readers; ++i) threads_.emplace_back([this] { PageLoop(); });
}

void Hub::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  task_work_.notify_all();
  page_work_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Hub::Add(std::shared_ptr<Subscriber> subscriber) {
  const std::lock_guard lock(mutex_);
  auto fed = std::make_shared<Fed>();
  due_.push_back(fed);
  fed->subscriber = std::move(subscriber);
  subscribers_[fed->subscriber.get()] = std::move(fed);
  changed_.notify_all();
}

void Hub::Remove(const Subscriber* subscriber) {
  const std::lock_guard lock(mutex_);
  const auto found = subscribers_.find(subscriber);
  if (found == subscribers_.end()) return;
  DropPages(*found->second);
  subscribers_.erase(found);
}

void Hub::Wake(const Subscriber* subscriber) {
  const std::lock_guard lock(mutex_);
  const auto found = subscribers_.find(subscriber);
  if (found != subscribers_.end()) SetDue(found->second);
}

void Hub::SetDue(const FedPtr& fed) {
  if (std::exchange(fed->due, true)) return;
  due_.push_back(fed);
  changed_.notify_all();
}

void Hub::SetAllDue() {
  for (const auto& [key, fed] : subscribers_) SetDue(fed);
}

void Hub::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  task_work_.notify_all();
}

int64_t Hub::Backlog(const Want& want) {
  const std::lock_guard lock(mutex_);
  return window_.Backlog(want);
}

bool Hub::HasRead(const std::map<int, int64_t>& positions) {
  const std::lock_guard lock(mutex_);
  const std::map<int, int64_t> ends = window_.Ends();
  return std::all_of(positions.begin(), positions.end(), [&](const auto& place) {
    const auto end = ends.find(place.first);
    return end != ends.end() && end->second >= place.second;
  });
}

// --- the log ---

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
    if (ready_) {
      for (const auto& [partition, position] : window_.Ends()) {
        if (epochs_.back().Contains(partition)) positions[partition] = position;
      }
    }
  }
  if (positions.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, ReadPlaces(*connection));
    EMBUDO_ASSIGN_OR_RETURN(const db::Result heads,
                            connection->Exec(kHeads, db::Params::Of(epochs.back().first, epochs.back().last())));
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < heads.size(); ++i) {
      const int partition = static_cast<int>(heads[i].Int(0));
      window_.Begin(partition, positions[partition] = heads[i].Int(1));
    }
    ready_ = true;
    SetAllDue();
  }
  event::EpochCache epochs;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return absl::OkStatus();
    }
    EMBUDO_ASSIGN_OR_RETURN(const event::Epochs* const known, epochs.Get(*connection));
    positions = EnterEpoch(*known, std::move(positions));
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<event::Stored> batch, log.Read(*connection, positions, 2000));
    for (const event::Stored& stored : batch) positions[stored.partition] = stored.position;
    if (!batch.empty()) Append(batch);
  }
}

absl::StatusOr<event::Epochs> Hub::ReadPlaces(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, event::ReadEpochs(connection));
  const std::lock_guard lock(mutex_);
  epochs_ = epochs;
  for (const event::Epoch& epoch : epochs) {
    if (epoch.open()) continue;
    for (int partition = epoch.first; partition <= epoch.last(); ++partition) {
      window_.Begin(partition, epoch.EndOf(partition));
    }
  }
  return epochs;
}

std::map<int, int64_t> Hub::EnterEpoch(const event::Epochs& epochs, std::map<int, int64_t> positions) {
  const event::Epoch& epoch = event::EpochOfPartition(epochs, positions.begin()->first);
  const event::Epoch* const next = event::FindEpoch(epochs, epoch.number + 1);
  if (epoch.open() || next == nullptr) return positions;
  for (const auto& [partition, position] : positions) {
    if (position < epoch.EndOf(partition)) return positions;
  }
  positions.clear();
  const std::lock_guard lock(mutex_);
  // Subscribers enter an epoch when it is being read, not before.
  epochs_.assign(epochs.begin(), epochs.begin() + (next - epochs.data()) + 1);
  for (int partition = next->first; partition <= next->last(); ++partition) {
    window_.Begin(partition, positions[partition] = 0);
  }
  SetAllDue();
  return positions;
}

void Hub::Append(const std::vector<event::Stored>& batch) {
  metrics_.Counter("embudo_event_hub_read_total", "Events that this process has read for its subscribers")
      .Increment(static_cast<double>(batch.size()));
  {
    // With nobody to feed, the places are all that is kept; a subscriber that comes reads the table first.
    const std::lock_guard lock(mutex_);
    if (subscribers_.empty()) {
      window_.Clear();
      for (const event::Stored& stored : batch) window_.Skip(stored.partition, stored.position);
      return;
    }
  }
  std::vector<std::shared_ptr<const LogEvent>> events;
  events.reserve(batch.size());
  bool rewritten = false;
  for (const event::Stored& stored : batch) {
    if (stored.data.empty()) continue;  // a place alone
    events.push_back(std::make_shared<LogEvent>(stored.partition, stored.position, stored.data));
    // Few events hold the text, and only those are looked into.
    rewritten =
        rewritten || (stored.data.find(kErased) != std::string::npos && events.back()->parsed()->type() == kErased);
  }
  const std::lock_guard lock(mutex_);
  for (auto& event : events) window_.Append(std::move(event));
  for (const event::Stored& stored : batch) {
    if (!stored.data.empty()) continue;
    window_.Clear();
    window_.Skip(stored.partition, stored.position);
  }
  if (rewritten) {
    // What is in memory may be as it was before: who needs it reads it from the table.
    window_.Clear();
    for (const auto& [key, fed] : subscribers_) DropPages(*fed);
  }
  SetAllDue();
}

// --- the subscribers ---

void Hub::FeedLoop() {
  auto next_tick = steady_clock::now();
  while (true) {
    bool tick = false;
    std::vector<FedPtr> due;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, next_tick, [&] { return stopping_ || !due_.empty(); });
      if (stopping_) return;
      tick = steady_clock::now() >= next_tick;
      if (tick) {
        next_tick = steady_clock::now() + kTick;
        SetAllDue();
        OnTick();
      }
      due.assign(due_.begin(), due_.end());
      due_.clear();
      for (const FedPtr& fed : due) fed->due = false;
    }
    std::set<std::shared_ptr<const LogEvent>> parsed;
    for (const FedPtr& fed : due) {
      Feed(fed, &parsed);
      if (tick) fed->subscriber->Tick();
    }
    // Parsed once for all of this round; those who come later are few.
    for (const auto& event : parsed) event->Forget();
  }
}

void Hub::Feed(const FedPtr& fed, std::set<std::shared_ptr<const LogEvent>>* parsed) {
  const std::optional<Want> want = fed->subscriber->Wants();
  if (!want) return;
  bool caught_up = false;
  std::optional<event::Epoch> next;
  std::optional<std::vector<LogItem>> items;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_) return;
    next = EpochAfter(*want);
    if (!next) items = NextItems(fed, *want, &caught_up);
  }
  if (next && fed->subscriber->EnterEpoch(*next)) {
    const std::lock_guard lock(mutex_);
    SetDue(fed);
  }
  if (!items) return;
  fed->subscriber->Take(*items, caught_up);
  if (items->empty()) return;
  for (LogItem& item : *items) {
    if (item.event != nullptr && item.event->IsParsed()) parsed->insert(std::move(item.event));
  }
  const std::lock_guard lock(mutex_);
  SetDue(fed);
}

std::optional<event::Epoch> Hub::EpochAfter(const Want& want) {
  const event::Epoch* const epoch = event::FindEpoch(epochs_, want.after.epoch().number);
  const event::Epoch* const next = event::FindEpoch(epochs_, want.after.epoch().number + 1);
  if (epoch == nullptr || next == nullptr) return std::nullopt;
  const bool over = std::all_of(want.partitions.begin(), want.partitions.end(),
                                [&](int partition) { return want.after[partition] >= epoch->EndOf(partition); });
  return over ? std::optional(*next) : std::nullopt;
}

std::optional<std::vector<LogItem>> Hub::NextItems(const FedPtr& fed, const Want& want, bool* caught_up) {
  std::optional<std::vector<LogItem>> items = window_.After(want, options_.portion, caught_up);
  if (items) {
    DropPages(*fed);
    *caught_up = *caught_up && want.after.epoch().number == epochs_.back().number;
    return items;
  }
  *caught_up = false;
  if (fed->page != nullptr && !fed->page->Advance(want)) DropPages(*fed);
  if (fed->page != nullptr && fed->page->exhausted()) {
    page_bytes_ -= fed->page->bytes();
    fed->page = std::move(fed->next);
    page_work_.notify_all();
  }
  if (fed->page == nullptr) {
    RequestPage(fed, want);
    return std::nullopt;
  }
  fed->used = steady_clock::now();
  // The next one is read while this one is sent.
  if (fed->next == nullptr && page_bytes_ < options_.page_bytes / 2) RequestPage(fed, fed->page->end());
  return fed->page->Next(options_.portion);
}

void Hub::RequestPage(const FedPtr& fed, const Want& from) {
  if (std::exchange(fed->reading, true)) return;
  page_requests_.emplace_back(fed, from);
  page_work_.notify_one();
}

void Hub::DropPages(Fed& fed) {
  for (std::unique_ptr<Page>* page : {&fed.page, &fed.next}) {
    if (*page == nullptr) continue;
    page_bytes_ -= (*page)->bytes();
    page->reset();
  }
  page_work_.notify_all();
}

void Hub::OnTick() {
  const milliseconds life = page_bytes_ > options_.page_bytes / 2 ? kShortPageLife : kPageLife;
  const auto now = steady_clock::now();
  for (const auto& [key, fed] : subscribers_) {
    if (fed->page != nullptr && now - fed->used > life) DropPages(*fed);
  }
  metrics_.Gauge("embudo_event_subscribers", "Streams of events that are open")
      .Set(static_cast<double>(subscribers_.size()));
  const auto buffered = [&](const char* where) -> prometheus::Gauge& {
    return metrics_.Gauge("embudo_event_buffered_bytes", "Events in memory: the newest, pages of older ones, messages",
                          {{"where", where}});
  };
  buffered("window").Set(static_cast<double>(window_.bytes()));
  buffered("pages").Set(static_cast<double>(page_bytes_));
  buffered("messages").Set(static_cast<double>(in_flight_.load()));
}

// --- the database ---

void Hub::TaskLoop() {
  std::unique_lock lock(mutex_);
  while (true) {
    task_work_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    std::deque<std::function<void()>> tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (auto& task : tasks) task();
    tasks.clear();
    lock.lock();
  }
}

void Hub::PageLoop() {
  PageReader reader(options_.postgres);
  std::unique_lock lock(mutex_);
  while (true) {
    page_work_.wait(lock, [&] { return stopping_ || (!page_requests_.empty() && page_bytes_ < options_.page_bytes); });
    if (stopping_) return;
    const auto [fed, want] = std::move(page_requests_.front());
    page_requests_.pop_front();
    const std::map<int, int64_t> ends = window_.Ends();
    lock.unlock();
    absl::StatusOr<Page> page = reader.Read(want, ends);
    lock.lock();
    fed->reading = false;
    const auto known = subscribers_.find(fed->subscriber.get());
    if (known == subscribers_.end() || known->second != fed) continue;
    if (!page.ok()) {
      // The database is away: the next tick asks again.
      log::Warning("event hub: a page can't be read", {{"why", MessageOf(page.status())}});
      page_work_.wait_for(lock, kTick, [&] { return stopping_; });
      continue;
    }
    if (page->exhausted()) continue;
    metrics_.Counter("embudo_event_pages_total", "Pages of events read from PostgreSQL").Increment();
    page_bytes_ += page->bytes();
    std::unique_ptr<Page>& slot = fed->page == nullptr ? fed->page : fed->next;
    if (slot != nullptr) page_bytes_ -= slot->bytes();
    slot = std::make_unique<Page>(*std::move(page));
    fed->used = steady_clock::now();
    SetDue(fed);
  }
}

}  // namespace embudo::pipeline::events
