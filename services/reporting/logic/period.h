#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "embudo/reporting/v1/period.pb.h"
#include "services/reporting/logic/dimension.h"

namespace embudo::reporting::logic {

/// Days of a time that a report is over.
struct Days {
  /// `close`; empty: all.
  std::string time;
  std::optional<Day> from;
  std::optional<Day> to;  ///< in it
};

/// Reads a period; `time` is what it is of if it does not say. INVALID_ARGUMENT for a time that there is not, and for
/// one that ends before it begins (PERIOD_TURNED_ROUND).
absl::StatusOr<Days> ReadPeriod(const v1::Period& period, const std::string& time, Subject subject);
/// As many days as these, just before them. Only of a period with both ends.
std::optional<Days> Before(const Days& days);
/// INVALID_ARGUMENT, reason PERIOD_TURNED_ROUND.
absl::Status TurnedRound(const std::string& field);

Day FirstOfMonth(Day day);
Day FirstOfQuarter(Day day);
/// The first day of the month that many months later.
Day AddMonths(Day first_of_month, int months);

}  // namespace embudo::reporting::logic
