#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/assignment_service.pb.h"

namespace embudo::automation::storage {

/// A bulk assignment as long-running work: the row is the truth, and one worker at a time holds it.
struct Operation {
  std::string tenant;
  std::string id;
  v1::AssignLeadsRequest request;
  /// QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED.
  std::string state;
  int64_t total = 0;
  int64_t done = 0;
  bool cancel_requested = false;
  std::optional<v1::AssignLeadsSummary> response;
  /// A serialised google.rpc.Status; empty: none.
  std::string error;
  Time create_time;
  std::optional<Time> end_time;
};

/// Makes an operation, unless there is one of that id: then that one is returned. INVALID_ARGUMENT, reason
/// REQUEST_ID_REUSED, if that was asked for something else.
absl::StatusOr<Operation> MakeOperation(db::Connection& connection, const Operation& operation);
/// NOT_FOUND if there is none.
absl::StatusOr<Operation> GetOperation(db::Connection& connection, const std::string& tenant, const std::string& id);
/// The newest first, from the one after `before` on (empty: from the start).
absl::StatusOr<std::vector<Operation>> ListOperations(db::Connection& connection, const std::string& tenant,
                                                      const std::string& before, int limit);
/// One that waits is cancelled at once, one that runs soon.
absl::StatusOr<Operation> CancelOperation(db::Connection& connection, const std::string& tenant, const std::string& id,
                                          Time now);

/// Takes the oldest operation that nobody holds and whose tenant has no other at work, for that long; nullopt if there
/// is none.
absl::StatusOr<std::optional<Operation>> TakeOperation(db::Connection& connection, Time now,
                                                       std::chrono::seconds lease);
/// Tells how far it is, and holds it on. Whether it is to stop. UNAVAILABLE if its tenant is not served: then it is let
/// go, and waits.
absl::StatusOr<bool> KeepOperation(db::Connection& connection, const Operation& operation, Time now,
                                   std::chrono::seconds lease);
/// Lets go of it, with the state that it has now.
absl::Status EndOperation(db::Connection& connection, const Operation& operation);

/// Makes the operations of tenants whose daily run is due, once a day each.
absl::Status StartDailyRuns(db::Connection& connection, Time now);

}  // namespace embudo::automation::storage
