#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/automation/events/assigner.h"
#include "services/automation/events/run_context.h"

namespace embudo::automation::events {

/// Does Action.Assign: chooses an owner once, keeps the choice, and acts on it.
class AssignAction {
 public:
  /// `pool` is of the automation_worker role.
  AssignAction(db::Pool& pool, rpc::Client& pipeline, const Clock& clock)
      : pool_(pool), assigner_(pool, pipeline, clock) {}

  /// Puts what came of it into the run's result at `index`.
  absl::Status Do(RunContext& context, const v1::Action::Assign& action, int index);

 private:
  /// Chooses an owner for the lead, and saves the run with the choice, in the transaction of the team's turn.
  absl::Status Decide(RunContext& context, const v1::Action::Assign& action, int index, const type::v1::Lead& lead);

  db::Pool& pool_;
  Assigner assigner_;
};

}  // namespace embudo::automation::events
