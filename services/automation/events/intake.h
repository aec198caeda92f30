#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/metrics/metrics.h"
#include "embudo/type/v1/event.pb.h"
#include "services/automation/logic/pace.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation::events {

/// Takes the log in, in the transactions of its consumer: counts events, keeps what rules decide with, seeds new
/// tenants, and makes a run of every rule that an event sets off. So a run is made once for an event, and its work is
/// done later, by the Runner.
///
/// A rule applies to the events that are taken in while it is saved and enabled. An event that is committed after the
/// rule is always such an event; one from before is, if it had not been taken in yet.
class Intake {
 public:
  /// `wake` is called when runs were made, shortly before they are committed.
  Intake(const Clock& clock, std::function<void()> wake, metrics::Registry& metrics);

  /// What event::Consumer applies. One thread at a time.
  absl::Status Apply(db::Connection& connection, const std::vector<type::v1::Event>& events);

 private:
  absl::Status Keep(db::Connection& connection, const std::vector<type::v1::Event>& events);
  absl::Status MakeRuns(db::Connection& connection, const std::vector<type::v1::Event>& events);

  const Clock& clock_;
  const std::function<void()> wake_;
  metrics::Registry& metrics_;
  storage::RuleCache rules_;
  logic::Pace pace_;
};

}  // namespace embudo::automation::events
