#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/ids.h"
#include "common/db/pool.h"
#include "common/event/log_reader.h"
#include "common/metrics/metrics.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::event {

/// Reads the log from its own checkpoint on and applies each event's effects exactly once: they are committed together
/// with the checkpoint, in the consumer's own schema. Order within a partition (so per lead) holds, because one process
/// at a time holds the lease of a partition, and the checkpoint is moved by compare-and-set should two think they do.
/// Of the log's epochs it reads the oldest that is not dealt with: nothing of the next, in no process, before all
/// partitions of it are at their ends.
/// Events come from Redis; what it lacks (a gap in the positions, or Redis away) is read from pipeline.event_log.
///
/// The schema has the tables consumer_checkpoint and dead_letter (see ConsumerTablesSql).
class Consumer : public Background {
 public:
  struct Options {
    std::string name;      ///< of the consumer: `scoring`
    std::string schema;    ///< that its tables are in
    std::string postgres;  ///< conninfo of the service's worker role
    std::string redis;
    int batch_size = 500;  ///< events that one transaction applies
    /// Whether its commits need not wait for the disk: true where all that it writes follows from the log, so that what
    /// a crash of PostgreSQL loses is made again, the checkpoint having been lost with it.
    bool derived = false;
    /// The least rest after a batch that was not full, in which events gather: many in a batch are cheaper than each by
    /// itself. What comes after a quiet while is not kept waiting.
    std::chrono::milliseconds gather{0};
    std::chrono::milliseconds lease{10000};
    /// Attempts at one event before it goes to the dead letters and the log moves on.
    int attempts = 5;
  };
  /// Those of a service's own consumer, under the service's name; `postgres` is the installation's conninfo.
  static Options OptionsOf(const std::string& service, const std::string& postgres, const std::string& redis);
  /// Applies events, in order per partition, in the transaction that moves the checkpoint. May run several times for
  /// the same events: what it does outside the transaction must be harmless to repeat. A status that is not OK rolls
  /// back; UNAVAILABLE, ABORTED and DEADLINE_EXCEEDED are tried again for as long as it takes, others `attempts` times.
  using Apply = std::function<absl::Status(db::Connection&, const std::vector<type::v1::Event>& events)>;

  Consumer(Options options, Apply apply, metrics::Registry& metrics);
  ~Consumer() override;

  void Start() override;
  /// Finishes the batch and hands the leases back.
  void Stop() override;

 private:
  void Run();
  absl::Status ConsumeUntilError();
  /// Renews the leases that it holds and takes free ones, up to its share among the processes that consume.
  absl::Status RenewLeases(db::Connection& connection);
  /// Tells the metrics how far behind it is.
  void Measure(db::Connection& connection);
  /// The epoch that is read now.
  absl::StatusOr<Epoch> FindEpochToRead(db::Connection& connection);
  /// Whether all that is held is of a closed epoch and at its end.
  bool AtEnd() const;
  absl::Status ApplyBatch(db::Connection& connection, const std::vector<Stored>& batch);
  absl::Status ApplyInTx(db::Connection& connection, const std::vector<Stored>& batch, bool dead_letter,
                         const std::string& error);
  absl::Status MoveCheckpoints(db::Connection& connection, const std::map<int, int64_t>& to);
  bool Stopping();
  bool Pause(std::chrono::milliseconds duration);

  const Options options_;
  const Apply apply_;
  metrics::Registry& metrics_;
  const std::string holder_;
  LogReader reader_;
  /// Whether it holds as many partitions as are its share.
  bool has_share_ = false;
  /// The partitions whose lag the metrics tell.
  std::map<int, int64_t> measured_;
  /// Checkpoint of each partition whose lease is held.
  std::map<int, int64_t> held_;
  Epoch epoch_;  ///< of these partitions
  int failures_ = 0;

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

/// DDL of the tables that a consumer needs in `schema`, with the grants for `<schema>_worker`; for its first migration.
/// A copy of this text stands in each service's migration; a test compares them.
std::string ConsumerTablesSql(const std::string& schema);

}  // namespace embudo::event
