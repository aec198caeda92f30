#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/db/pool.h"
#include "common/event/log_reader.h"
#include "common/metrics/metrics.h"
#include "embudo/type/v1/event.pb.h"
#include "services/pipeline/events/log_event.h"
#include "services/pipeline/events/page.h"
#include "services/pipeline/events/want.h"
#include "services/pipeline/events/window.h"

namespace embudo::pipeline::events {

/// Feeds every subscriber of the process from one reader of the log: each event is read from Redis once, however many
/// subscribers there are. The newest events are in memory; a subscriber further behind is fed pages from PostgreSQL
/// until it has caught up, the next being read while the one before is sent. All that is in memory is bounded, whatever
/// the number of subscribers and whether they read or not, and no thread belongs to one of them. Thread-safe.
class Hub : public Background {
 public:
  struct Options {
    std::string postgres;  ///< conninfo of pipeline_worker
    std::string redis;
    /// Events kept in memory, in all partitions together.
    size_t window = 50000;
    size_t window_bytes = 32 << 20;
    /// What a subscriber is offered at once.
    Portion portion = {1000, 288 << 10};
    /// Threads that read pages.
    int page_readers = 2;
    /// Pages in memory beyond which no more are read.
    size_t page_bytes = 64 << 20;
  };
  using EventPtr = std::shared_ptr<const type::v1::Event>;
  using Want = events::Want;

  /// What is fed. Called on the hub's threads, one at a time for one subscriber.
  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    /// nullopt while it takes nothing.
    virtual std::optional<Want> Wants() = 0;
    /// The next places of what it wanted, in order per partition; none: there are no more. `caught_up`: these are the
    /// last that there are.
    virtual void Take(const std::vector<LogItem>& items, bool caught_up) = 0;
    /// What it wanted is of an epoch that it has read to its end: the next begins. False if that is not for it to do.
    virtual bool EnterEpoch(const event::Epoch& /*epoch*/) { return false; }
    /// Called some times a second, for heartbeats.
    virtual void Tick() = 0;
  };

  Hub(Options options, metrics::Registry& metrics);
  ~Hub() override;

  void Start() override;
  void Stop() override;

  void Add(std::shared_ptr<Subscriber> subscriber);
  void Remove(const Subscriber* subscriber);
  /// A subscriber wants something that it did not want before.
  void Wake(const Subscriber* subscriber);
  /// Bytes that a subscriber has been given and that have not left the process: for the metric.
  void AddInFlight(int64_t bytes) { in_flight_ += bytes; }

  /// Runs on the hub's thread for the database, in order: for the database work of subscribers.
  void Post(std::function<void()> task);
  /// For that work: as pipeline_worker, which sees every tenant.
  db::Pool& pool() { return pool_; }
  /// Places of the log after `positions` of these partitions, as far as the hub has read; if they are all of their
  /// epoch, with those of the epochs after it.
  int64_t Backlog(const Want& want);
  /// Whether it has read the log up to these positions.
  bool HasRead(const std::map<int, int64_t>& positions);

 private:
  /// A subscriber, as the hub feeds it. Guarded by mutex_.
  struct Fed {
    std::shared_ptr<Subscriber> subscriber;
    bool due = true;
    /// Behind the window: the page that it is fed, and the one after it.
    std::unique_ptr<Page> page;
    std::unique_ptr<Page> next;
    bool reading = false;
    std::chrono::steady_clock::time_point used;  ///< when it last took of the page
  };
  using FedPtr = std::shared_ptr<Fed>;

  void ReadLoop();
  absl::Status ReadUntilError();
  /// Takes the places from which the log is read first.
  absl::StatusOr<event::Epochs> ReadPlaces(db::Connection& connection);
  /// The positions to read on from; once the epoch is closed and read to its end, those of the next.
  std::map<int, int64_t> EnterEpoch(const event::Epochs& epochs, std::map<int, int64_t> positions);
  void Append(const std::vector<event::Stored>& batch);
  void FeedLoop();
  void TaskLoop();
  void PageLoop();
  /// Adds those of the events it was given that were parsed for it, or for another, to `parsed`.
  void Feed(const FedPtr& fed, std::set<std::shared_ptr<const LogEvent>>* parsed);
  /// The next items for a subscriber, from memory; nullopt: they have to be read first. With the lock held.
  std::optional<std::vector<LogItem>> NextItems(const FedPtr& fed, const Want& want, bool* caught_up);
  /// The epoch that follows, for a subscriber that has read all of its own.
  std::optional<event::Epoch> EpochAfter(const Want& want);
  void RequestPage(const FedPtr& fed, const Want& from);
  void SetDue(const FedPtr& fed);
  void SetAllDue();
  void DropPages(Fed& fed);
  /// Lets go of pages that nobody takes, and tells the metrics.
  void OnTick();

  const Options options_;
  metrics::Registry& metrics_;
  db::Pool pool_;
  std::atomic<int64_t> in_flight_{0};

  std::mutex mutex_;
  std::condition_variable changed_;  ///< for the feeder and the reader
  bool stopping_ = false;
  bool ready_ = false;
  Window window_;
  /// The epochs as far as the log has been read: the last one is being read.
  event::Epochs epochs_;
  std::map<const Subscriber*, FedPtr> subscribers_;
  std::deque<FedPtr> due_;
  std::deque<std::pair<FedPtr, Want>> page_requests_;
  size_t page_bytes_ = 0;
  std::condition_variable page_work_;
  std::deque<std::function<void()>> tasks_;
  std::condition_variable task_work_;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::pipeline::events
