#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
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
/// PostgreSQL until it has caught up. Thread-safe.
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

  /// What is fed. Called on the hub's threads, one at a time for one subscriber.
  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    /// Positions that it has, from which it is fed; nullopt while it takes nothing.
    virtual std::optional<Positions> Wants() = 0;
    /// The next events after those positions, in order per partition; empty: there are none. `caught_up`: these are the
    /// last that there are.
    virtual void Take(const std::vector<EventPtr>& events, bool caught_up) = 0;
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

  /// The last positions given; UNAVAILABLE until the hub has read them once.
  absl::StatusOr<Positions> Latest();
  /// The positions just before the first event made at or after `time`. Asks the database.
  absl::StatusOr<Positions> At(Time time);
  /// When the oldest event that is kept was made; unset if there is none. Asks the database.
  absl::StatusOr<std::optional<Time>> EarliestTime();
  /// Runs on the hub's feeding thread: for the database work of starting a subscription.
  void Post(std::function<void()> task);

 private:
  void ReadLoop();
  absl::Status ReadUntilError();
  void Append(const std::vector<event::Stored>& batch);
  void FeedLoop();
  /// False if it had nothing for it.
  bool Feed(Subscriber& subscriber);
  /// From memory; nullopt if the window no longer holds what comes next.
  std::optional<std::vector<EventPtr>> FromWindow(const Positions& after, bool* caught_up);
  absl::StatusOr<std::vector<EventPtr>> FromTable(const Positions& after, bool* caught_up);

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
  std::deque<std::function<void()>> tasks_;
  std::thread reader_;
  std::thread feeder_;
};

}  // namespace embudo::pipeline::events
