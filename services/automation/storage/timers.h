#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::storage {

/// An enabled rule that answers moments or a schedule, held by whoever looks for what is due.
struct HeldTimer {
  std::string tenant;
  std::string rule_id;
  Time enable_time;
  /// Up to where all that was due has been found.
  std::optional<Time> scanned_until;
  v1::Rule rule;
  std::string time_zone;
};

/// Sets the timer of a rule that is saved: none if it is off or answers neither. `changed`: it answers something else
/// than before, or was off.
absl::Status SetTimer(db::Connection& connection, const std::string& tenant, const v1::Rule& rule, bool changed,
                      Time now);

/// Takes up to `limit` timers that are due; each is due again at `lease_end` should its holder be lost.
absl::StatusOr<std::vector<HeldTimer>> TakeTimers(db::Connection& connection, int limit, Time now, Time lease_end);
/// Puts it back, unless the rule has been changed meanwhile.
absl::Status PutTimer(db::Connection& connection, const HeldTimer& timer, std::optional<Time> scanned_until, Time next);
/// Holds it until then.
absl::Status HoldTimer(db::Connection& connection, const HeldTimer& timer, Time lease_end);

}  // namespace embudo::automation::storage
