#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "services/automation/events/effects.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/attempts.h"
#include "services/automation/storage/runs.h"

namespace embudo::automation::events {

/// Does runs: goes through the actions of the rule, by the branches that the run takes, up to a wait, the end, or the
/// first action that fails. What is over is told by the run's results and not done again; what is done bears a key that
/// is the action's own (Effects), so doing it again has no second effect.
class Performer {
 public:
  /// `pool` is of the automation_worker role.
  Performer(db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock)
      : pool_(pool), pipeline_(pipeline), clock_(clock), effects_(pool, pipeline, capture, clock) {}

  /// Puts down what came of each action, and saves the run only where a decision must be kept before it is acted on.
  absl::StatusOr<logic::Progress> Perform(storage::HeldRun& held);

 private:
  using Actions = google::protobuf::RepeatedPtrField<v1::Action>;

  /// How a list of actions ended.
  struct Ending {
    enum class Kind { kDone, kStopped, kWaiting };
    Kind kind = Kind::kDone;
    Time until;
  };

  /// Why the run comes to nothing: the condition, or what is due, no longer holds; empty: it does.
  absl::StatusOr<std::string> WhyNot(RunContext& context);
  absl::StatusOr<Ending> Go(RunContext& context, const Actions& actions, const std::string& prefix);
  absl::StatusOr<Ending> Wait(RunContext& context, const v1::Action::Wait& wait, int index);
  absl::StatusOr<Ending> Branch(RunContext& context, const v1::Action::Branch& branch, const std::string& place,
                                int index);
  absl::Status Do(RunContext& context, const v1::Action& action, int index);
  absl::Status SaveDecision(storage::HeldRun& held);
  absl::StatusOr<bool> Holds(RunContext& context, const std::string& condition);

  db::Pool& pool_;
  rpc::Client& pipeline_;
  const Clock& clock_;
  Effects effects_;
};

}  // namespace embudo::automation::events
