#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/pipeline/events/hub.h"
#include "services/pipeline/storage/subscription_store.h"

namespace embudo::pipeline::events {

/// One worker's share of a durable subscription: which partitions are its, which events it may be given next, what is
/// outstanding, and how far everything is dealt with. Places are kept in PostgreSQL, so that another worker goes on
/// where this one ends.
///
/// An event that can't be dealt with leaves the log's order: it is moved to a lane beside it (subscription_lane), with
/// later events of its key behind it, and the place of the subscription moves on. Thread-safe; Sync and Leave ask the
/// database and are for one thread at a time, the other methods never wait.
class Session {
 public:
  struct Options {
    storage::SubscriptionKey key;
    std::string worker;  ///< a UUID
    /// How long a worker that falls silent keeps its partitions.
    std::chrono::milliseconds lease{10000};
    /// Events in memory, outstanding and waiting, beyond which it takes no more.
    size_t memory = 2000;
    /// Of these, those that wait behind one of their key; more of them wait in the lane.
    size_t queue = 100;
  };
  /// What the subscription says; may change while it is read.
  struct Settings {
    bool ordered = true;
    std::chrono::seconds ack_deadline{30};
    /// Deliveries after which an event is parked.
    int max_deliveries = 10;
    /// When an event is parked whatever the count, by the time of its first delivery.
    std::optional<std::chrono::hours> patience;
    /// The pause before another delivery, where none is asked for: it doubles with each delivery.
    std::chrono::seconds first_pause{1};
    std::chrono::seconds longest_pause{600};
  };
  /// What an event is to the subscription.
  enum class Verdict {
    kSkip,     ///< it is dealt with
    kDeliver,  ///< it goes to the worker
    kStop,     ///< it is not for this worker, or not now: nothing of its partition is taken for a while
  };
  using Judge = std::function<Verdict(const type::v1::Event&)>;

  Session(db::Pool& pool, const Clock& clock, Options options, Settings settings, Judge judge);

  void Configure(Settings settings);

  // --- from the hub ---

  /// nullopt while it takes nothing.
  std::optional<Hub::Want> Wants();
  void Take(const std::vector<LogItem>& items, bool caught_up);

  // --- for the worker ---

  struct Delivery {
    Hub::EventPtr event;
    int attempt = 0;  ///< from 1
    Time first_time;  ///< of the first attempt
  };
  /// The event that comes next; nullptr if none may be delivered now. Stays next until Deliver.
  Hub::EventPtr Next();
  /// Takes the next event: it is outstanding until it is dealt with or its deadline passes.
  Delivery Deliver();
  /// Ids that are not outstanding are ignored.
  void Ack(const std::string& event_id);
  /// The event is left out for good.
  void Skip(const std::string& event_id) { Ack(event_id); }
  /// When it comes again, unless it is parked by now.
  std::optional<Time> Retry(const std::string& event_id, std::optional<std::chrono::milliseconds> after,
                            const std::string& reason);
  void Park(const std::string& event_id, const std::string& reason);
  /// Its deadline begins anew.
  void Extend(const std::string& event_id);
  /// Delivers again what was not dealt with in time. Whether there was any.
  bool Expire();

  int outstanding() const;
  /// Everything that there is has been given to the worker.
  bool caught_up() const;
  std::vector<int> partitions() const;
  int64_t Backlog(Hub& hub) const;
  /// Whether Sync has something to write.
  bool dirty() const;

  // --- with the database ---

  /// Renews the leases, writes what was dealt with, and reads what is due in the lane, unless it is known that nothing
  /// is.
  absl::Status Sync(bool due = true);
  /// Gives the partitions back, and what is outstanding with them.
  absl::Status Leave();

 private:
  using Key = std::pair<int, std::string>;  ///< partition and partition key

  /// An event in memory.
  struct Item {
    Hub::EventPtr event;
    int attempts = 0;
    bool lane = false;  ///< it has a row in the lane
    bool redriven = false;
    Time first_time{};
    std::string reason;

    // Where it is for the subscription: in the log, or in the lane, which has places of its own in a later epoch.
    int at_partition = 0;
    int64_t at_position = 0;

    int partition() const { return at_partition; }
    int64_t position() const { return at_position; }
    Key key() const { return {at_partition, event->partition_key()}; }
  };
  struct Outstanding {
    Item item;
    Time deadline;
  };
  struct Partition {
    int generation = 0;
    int64_t written = 0;        ///< the place in the database
    int64_t read = 0;           ///< the last event taken from the log
    std::set<int64_t> open;     ///< events up to `read` that are not dealt with
    std::set<int64_t> in_lane;  ///< rows of the lane that are in memory
    /// The place up to which all is dealt with, once what is `leaving` for the lane is written there.
    int64_t done(const std::set<int64_t>& leaving = {}) const;
  };
  /// What is to be written.
  struct Writes {
    std::vector<storage::LaneRow> puts;
    std::vector<storage::LanePlace> drops;
    std::set<Key> advances;
    bool empty() const { return puts.empty() && drops.empty() && advances.empty(); }
  };

  void Admit(Hub::EventPtr event);
  void Enqueue(Item item);
  /// The item is dealt with, or out of the way: what waits for it may go.
  void Release(const Item& item);
  /// Finishes an item that needs no other delivery.
  void Finish(const Item& item);
  void ToLane(Item item, std::optional<Time> next_time, std::optional<Time> park_time);
  /// Moves what waits in memory behind a key to the lane.
  void QueueToLane(const Key& key);
  void ParkItem(Item item, const std::string& reason);
  std::optional<Item> TakeOutstanding(const std::string& event_id);
  bool Exhausted(const Item& item) const;
  void Forget(int partition);
  /// Moves everything of a partition that is in memory to the lane.
  void Unload(int partition);

  /// Whether all that it holds is of a closed epoch, and dealt with: the next may begin.
  bool EpochOver() const;
  /// Writes what there is to write, in one transaction.
  absl::Status Flush(const std::function<absl::Status(db::Connection&)>& also = {});
  /// A copy of what is to be written.
  struct Batch {
    Writes writes;
    std::vector<storage::SubscriptionPlace> places;
    /// Events that leave the log for the lane, or change there, by partition.
    std::map<int, std::set<int64_t>> to_lane;
    std::set<Key> free;  ///< keys of which nothing is in the lane any more
  };
  Batch TakeBatch();
  absl::Status Write(db::Connection& connection, Batch& batch);
  void Written(const Batch& batch);
  /// Renews the leases, takes partitions and gives some back, as the number of workers asks.
  absl::Status Hold();
  absl::Status GiveBack(const std::vector<int>& partitions);
  absl::Status LoadDue();

  db::Pool& pool_;
  const Clock& clock_;
  const Options options_;
  const Judge judge_;

  mutable std::mutex mutex_;
  Settings settings_;
  event::Epoch epoch_;  ///< of the partitions
  std::map<int, Partition> partitions_;
  std::deque<Item> ready_;
  std::map<std::string, Outstanding> outstanding_;
  /// In ordered mode: keys of which an event is ready or outstanding, with those behind it.
  std::map<Key, std::deque<Item>> busy_;
  size_t waiting_ = 0;  ///< items in busy_
  /// Keys that have rows in the lane: their events go there too.
  std::set<Key> blocked_;
  Writes writes_;
  bool caught_up_ = false;
  std::chrono::steady_clock::time_point next_hold_{};
  std::chrono::steady_clock::time_point next_take_{};  ///< it has stopped before an event
};

}  // namespace embudo::pipeline::events
