#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "services/automation/storage/runs.h"

namespace embudo::automation::events {

/// Does the actions of runs, by calls to the pipeline. Each bears a request_id that is the action's own, so doing one
/// again has no second effect.
class Performer {
 public:
  /// `pool` is of the automation_worker role.
  Performer(db::Pool& pool, rpc::Client& pipeline, const Clock& clock)
      : pool_(pool), pipeline_(pipeline), clock_(clock) {}

  /// Does the actions that the run's results do not tell to be over, in order, up to the first that fails, and puts
  /// down what came of each. Saves the run only where a decision must be kept before it is acted on.
  absl::Status Perform(storage::HeldRun& held);

 private:
  absl::Status Do(storage::HeldRun& held, int index);
  absl::Status Assign(storage::HeldRun& held, int index);
  /// Chooses an owner for the lead, and saves the run with the choice, in the transaction of the team's turn.
  absl::Status Decide(storage::HeldRun& held, int index, const type::v1::Lead& lead);
  absl::StatusOr<v1::Assignment> Choose(db::Connection& connection, const std::string& tenant, const std::string& team,
                                        const type::v1::Lead& lead);

  db::Pool& pool_;
  rpc::Client& pipeline_;
  const Clock& clock_;
};

}  // namespace embudo::automation::events
