#pragma once

#include <bitset>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/db/pool.h"
#include "common/event/log_reader.h"
#include "common/metrics/metrics.h"
#include "embudo/type/v1/event.pb.h"
#include "services/pipeline/events/cursor.h"

namespace embudo::pipeline::events {

/// Feeds every subscriber of the process from one reader of the log: each event is read from Redis and parsed once,
/// however many subscribers there are. The newest events are in memory; a subscriber further behind is fed from
/// PostgreSQL, on a thread of its own, until it has caught up. Thread-safe.
class Hub : public Background {
 public:
  struct Options {
    std::string postgres;  ///< conninfo of pipeline_worker
    std::string redis;
    /// Events kept in memory, in all partitions together.
    size_t window = 50000;
    /// Events that a subscriber is offered at once.
    size_t chunk = 500;
  };
  using EventPtr = std::shared_ptr<const type::v1::Event>;

  /// What a subscriber takes next: events after these positions, of these partitions.
  struct Want {
    Positions after{};
    std::bitset<event::kPartitions> partitions;
  };

  /// What is fed. Called on the hub's threads, one at a time for one subscriber.
  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    /// nullopt while it takes nothing.
    virtual std::optional<Want> Wants() = 0;
    /// The next events of what it wanted, in order per partition; empty: there are none. `caught_up`: these are the
    /// last that there are. `backlog`: places of the log between them and the end.
    virtual void Take(const std::vector<EventPtr>& events, bool caught_up, int64_t backlog) = 0;
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
  void Wake();

  /// Runs on the hub's thread for the database, in order: for the database work of subscribers.
  void Post(std::function<void()> task);
  /// For that work: as pipeline_worker, which sees every tenant.
  db::Pool& pool() { return pool_; }
  /// Places of the log after `positions` of these partitions, as far as the hub has read.
  int64_t Backlog(const Want& want);

 private:
  void ReadLoop();
  absl::Status ReadUntilError();
  void Append(const std::vector<event::Stored>& batch);
  void FeedLoop();
  void CatchUpLoop();
  /// From memory; nullopt if the window no longer holds what comes next.
  std::optional<std::vector<EventPtr>> FromWindow(const Want& want, bool* caught_up);
  absl::StatusOr<std::vector<EventPtr>> FromTable(const Want& want, bool* caught_up);
  /// Feeds from memory. False if it has to be fed from the table.
  bool Feed(Subscriber& subscriber, bool* fed);
  /// False when it can be fed from memory again, or takes nothing. `away`: the database is.
  bool CatchUp(Subscriber& subscriber, bool* away);

  struct Partition {
    std::deque<EventPtr> events;
    int64_t last = 0;  ///< position of the last event read
  };

  const Options options_;
  metrics::Registry& metrics_;
  db::Pool pool_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool ready_ = false;
  bool signalled_ = false;
  std::map<int, Partition> partitions_;
  std::deque<int> arrival_;  ///< partition of each event in memory, oldest first
  std::list<std::shared_ptr<Subscriber>> subscribers_;
  /// Subscribers that the catching-up thread feeds; the feeder leaves them alone.
  std::map<const Subscriber*, std::shared_ptr<Subscriber>> behind_;
  std::deque<std::function<void()>> tasks_;
  std::condition_variable work_;  ///< for the catching-up thread
  std::thread reader_;
  std::thread feeder_;
  std::thread catcher_;
};

}  // namespace embudo::pipeline::events
