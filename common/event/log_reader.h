#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "common/event/epoch.h"
#include "common/redis/connection.h"

namespace embudo::event {

/// An event as the log holds it: its place and its bytes. Without bytes it is a place alone: up to there the log, which
/// has ended or no longer keeps it all, has nothing more.
struct Stored {
  int partition;
  int64_t position;
  std::string data;
};

/// Reads the log from given positions on: from Redis, and from pipeline.event_log what Redis lacks (a gap in the
/// positions, or Redis away). One thread at a time.
class LogReader {
 public:
  /// `name` is for the log lines.
  LogReader(std::string redis, std::string name) : redis_address_(std::move(redis)), name_(std::move(name)) {}

  /// Up to about `limit` events after `positions` (the last one known, by partition), in order and without gaps in each
  /// partition; waits up to half a second for the first. The partitions are of one epoch; those of a closed one are
  /// read from PostgreSQL up to their ends. Errors are the database's.
  absl::StatusOr<std::vector<Stored>> Read(db::Connection& connection, const std::map<int, int64_t>& positions,
                                           int limit);
  /// The same from PostgreSQL alone, for one partition, without waiting.
  static absl::Status ReadTable(db::Connection& connection, int partition, int64_t after, int limit,
                                std::vector<Stored>* out);

 private:
  absl::StatusOr<std::vector<Stored>> ReadClosed(db::Connection& connection, const Epoch& epoch,
                                                 const std::map<int, int64_t>& positions, int limit);
  absl::StatusOr<std::vector<Stored>> ReadRedis(db::Connection& connection, const Epoch& epoch,
                                                const std::map<int, int64_t>& positions, int limit);

  const std::string redis_address_;
  const std::string name_;
  EpochCache epochs_;
  std::unique_ptr<redis::Connection> redis_;
  std::chrono::steady_clock::time_point next_connect_{};
};

}  // namespace embudo::event
