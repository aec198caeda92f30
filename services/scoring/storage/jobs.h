#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"

namespace embudo::scoring::storage {

/// Work in the background: the row is the truth, and one worker at a time holds it.
struct Job {
  std::string tenant;
  std::string id;
  /// TRAINING, RESCORING.
  std::string kind;
  /// QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED.
  std::string state;
  int64_t total = 0;
  int64_t done = 0;
  bool cancel_requested = false;
  Time create_time;
  std::optional<Time> end_time;
  /// A serialised google.rpc.Status; empty: none.
  std::string error;
};

inline constexpr char kTraining[] = "TRAINING";
inline constexpr char kRescoring[] = "RESCORING";

/// Makes a job, unless there is one of that id: then that one is returned. ALREADY_EXISTS if that is of another kind.
absl::StatusOr<Job> MakeJob(db::Connection& connection, const Job& job);
/// NOT_FOUND if there is none.
absl::StatusOr<Job> GetJob(db::Connection& connection, const std::string& tenant, const std::string& id);
/// The newest first, from the one after `before` on (empty: from the start).
absl::StatusOr<std::vector<Job>> ListJobs(db::Connection& connection, const std::string& tenant,
                                          const std::string& before, int limit);
/// One of the kind that is not done, one that waits before one that runs; nullopt if there is none.
absl::StatusOr<std::optional<Job>> OpenJob(db::Connection& connection, const std::string& tenant,
                                           const std::string& kind);
/// A job that waits is cancelled at once, one that runs soon.
absl::StatusOr<Job> CancelJob(db::Connection& connection, const std::string& tenant, const std::string& id, Time now);

/// Takes the oldest job that nobody holds, for that long; nullopt if there is none.
absl::StatusOr<std::optional<Job>> TakeJob(db::Connection& connection, Time now, std::chrono::seconds lease);
/// Tells how far a job is, and holds it on. Whether it is to stop.
absl::StatusOr<bool> KeepJob(db::Connection& connection, const Job& job, Time now, std::chrono::seconds lease);
/// Lets go of it, with the state that it has now.
absl::Status EndJob(db::Connection& connection, const Job& job);

}  // namespace embudo::scoring::storage
