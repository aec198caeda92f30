#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/automation/v1/run.pb.h"
#include "services/automation/logic/choose.h"

namespace embudo::automation::storage {

/// A run to be made, of a rule as it is now.
struct NewRun {
  std::string tenant;
  v1::Run run;
  const v1::Rule* rule;
};

/// Makes runs; those that their events have made already are passed over. event_date is filled in.
absl::Status InsertRuns(db::Connection& connection, const std::vector<NewRun>& runs);

/// The name of the run by which a rule answers an event or a moment; NOT_FOUND if there is none.
absl::StatusOr<std::string> FindRunOfEvent(db::Connection& connection, const std::string& tenant,
                                           const std::string& rule, const std::string& event_id);

/// A run as a worker holds it, with the rule of its version.
struct HeldRun {
  std::string tenant;
  v1::Run run;
  int64_t version = 0;
  int64_t revision = 0;
  v1::Rule rule;
  /// Another worker has taken it over: it was not saved.
  bool taken = false;
};

/// Takes up to `limit` runs that are due, of those that are `bulk` or of the others: each counts an attempt, runs, and
/// is due again at `lease_end` should the worker be lost. Nobody waits for another's. Runs of one lead are taken in
/// their order, but for those that are tried again or have slept.
absl::StatusOr<std::vector<HeldRun>> TakeDueRuns(db::Connection& connection, int limit, bool bulk, Time now,
                                                 Time lease_end);

/// Writes the states of runs in one statement, of those that are still held.
absl::Status SaveRuns(db::Connection& connection, const std::vector<HeldRun*>& runs);
/// Writes the state of a run. ABORTED, reason RUN_TAKEN, if another worker has taken it over.
absl::Status SaveRun(db::Connection& connection, HeldRun& held);

/// A turn of a team, and its members as they stand.
struct Turn {
  int64_t number = 0;
  std::vector<logic::Member> members;
};
/// Takes the team's next turn, and holds the team until the transaction ends.
absl::StatusOr<Turn> TakeTurn(db::Connection& connection, const std::string& tenant, const std::string& team_id);
/// The member was chosen in that turn.
absl::Status RecordTurn(db::Connection& connection, const std::string& tenant, const std::string& team_id,
                        const std::string& membership_id, int64_t turn);

}  // namespace embudo::automation::storage
