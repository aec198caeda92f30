#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/event/epoch.h"
#include "common/event/pending_floor.h"
#include "common/metrics/metrics.h"
#include "common/redis/connection.h"

namespace embudo::event {

/// Carries committed events from PostgreSQL to Redis Streams. For each partition one relay at a time, held by an
/// advisory lock, takes what has become visible in `event_pending`, in seq order within each read, gives it the next
/// positions and publishes it under them. Because positions have no gaps and Redis refuses an id that is not above the
/// last, publishing twice is harmless and a loss in Redis is seen by every reader. Commits never wait for the relay.
/// When the log is divided anew, it goes on with the partitions of the new epoch; what writers have put into those of
/// the old one meanwhile it moves there first.
class Relay : public Background {
 public:
  struct Options {
    std::string postgres;  ///< conninfo of the pipeline_worker role
    std::string redis;
    /// Events that one transaction numbers.
    int batch_size = 1000;
    /// How long it waits for a signal before it looks by itself.
    std::chrono::milliseconds poll{20};
    /// Entries that a stream keeps, about; older ones are served from PostgreSQL.
    int64_t stream_length = 100000;
  };

  Relay(Options options, metrics::Registry& metrics);
  ~Relay() override;

  void Start() override;
  /// Gives the partitions back.
  void Stop() override;
  /// Something was committed.
  void Wake();

 private:
  void Run();
  /// One life of a database connection: take partitions, relay until something breaks.
  absl::Status RelayUntilError();
  /// Takes the advisory locks of partitions that nobody holds, up to this relay's share, and gives back what is more;
  /// in a new epoch it leaves those of the one before.
  absl::Status TakePartitions(db::Connection& connection);
  /// Gives back partitions until it has no more than so many.
  absl::Status GiveBack(db::Connection& connection, size_t kept);
  /// Drops the streams of closed epochs: their events are read from PostgreSQL alone.
  absl::Status DropClosedStreams();
  /// Moves events that wait in partitions of closed epochs to those of the open one.
  absl::Status MoveStragglers(db::Connection& connection);
  /// The floors of the partitions that it holds, as an array of PostgreSQL's.
  std::string Floors() const;
  absl::Status RaiseFloor(db::Connection& connection);
  void NoteTaken(const db::Result& rows, int limit);
  /// Tells the metrics how the outbox is.
  absl::Status Measure(db::Connection& connection);
  /// Numbers a batch. Returns how many events it took.
  absl::StatusOr<int> Number(db::Connection& connection);
  /// Publishes what is numbered and above the top of each stream; what Redis lost is sent again.
  absl::Status Resend(db::Connection& connection);
  /// Empties a stream whose top is above what the database has given. Whether it was.
  absl::StatusOr<bool> ResetIfAhead(db::Connection& connection, int partition, int64_t top);
  absl::Status Publish(const db::Result& rows);
  absl::Status CheckTops(db::Connection& connection);
  bool WaitForWork(std::chrono::milliseconds longest);

  const Options options_;
  metrics::Registry& metrics_;
  std::unique_ptr<redis::Connection> redis_;
  Epochs epochs_;
  Epoch epoch_;  ///< the open one
  bool epoch_over_ = true;
  bool closed_streams_ = true;  ///< whether Redis may have streams of closed epochs
  /// Partitions that this relay holds, each with the last position that it knows to be in Redis; -1: not known.
  std::map<int, int64_t> published_;
  PendingFloor floor_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool signalled_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::event
