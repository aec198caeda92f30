#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"

namespace embudo::reporting::storage {

/// How far the log has been read.
struct Progress {
  struct Partition {
    int partition = 0;
    int64_t position = 0;
  };
  std::vector<Partition> partitions;
  /// When the oldest event was made that has a position and has not been read; nothing if all have been read.
  std::optional<Time> waiting_since;
};

/// As the worker role. No partitions: the consumer has never run.
absl::StatusOr<Progress> LoadProgress(db::Connection& connection, const std::string& consumer);
/// When what waits just behind the progress's positions was written, by this database's log.
absl::Status LoadWaitingSince(db::Connection& connection, Progress& progress);

}  // namespace embudo::reporting::storage
