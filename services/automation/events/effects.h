#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/automation/events/assign_action.h"
#include "services/automation/events/run_context.h"

namespace embudo::automation::events {

/// What single actions do, by calls to other services and by rows of this service. Each bears a key that is the
/// action's own.
class Effects {
 public:
  /// `pool` is of the automation_worker role.
  Effects(db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock)
      : pool_(pool), capture_(capture), clock_(clock), assign_(pool, pipeline, clock) {}

  /// Does the action and puts what came of it into the run's result at `index`. Not for waits, branches and stops.
  absl::Status Do(RunContext& context, const v1::Action& action, int index);

 private:
  absl::Status CreateActivity(RunContext& context, const v1::Action::CreateActivity& action, int index);
  absl::Status UpdateFields(RunContext& context, const v1::Action::UpdateFields& action, int index);
  absl::Status SetPriority(RunContext& context, const v1::Action::SetPriority& action, int index);
  absl::Status AddTags(RunContext& context, const v1::Action::AddTags& action, int index);
  absl::Status MoveStage(RunContext& context, const v1::Action::MoveStage& action, int index);
  absl::Status Notify(RunContext& context, const v1::Action::Notify& action, int index);
  absl::Status AddFollowers(RunContext& context, const v1::Action::AddFollowers& action, int index);
  absl::Status CallWebhook(RunContext& context, const v1::Action::CallWebhook& action, int index);
  absl::Status CreateQuote(RunContext& context, int index);
  absl::Status Enrich(RunContext& context, int index);
  absl::Status SendEmail(RunContext& context, const v1::Action::SendEmail& action, int index);
  /// The manager of the lead's team; empty if there is none.
  absl::StatusOr<std::string> ManagerOf(RunContext& context);
  absl::StatusOr<std::vector<std::string>> WhomToNotify(RunContext& context, const v1::Action::Notify& action);

  db::Pool& pool_;
  rpc::Client& capture_;
  const Clock& clock_;
  AssignAction assign_;
};

}  // namespace embudo::automation::events
