#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace embudo::reporting::logic {

/// Most dimensions and most rows of one report.
inline constexpr int kMaxDimensions = 4;
inline constexpr int kMaxRows = 10000;

/// How long a period is that times are grouped by.
enum class Period { kDay, kWeek, kMonth, kQuarter, kYear };

/// What the rows of a report are by.
struct Dimension {
  enum class Kind {
    kField,   ///< the value of a field of Lead
    kPeriod,  ///< the period that a time or date of Lead is in
    kBand,    ///< the ten percent that the probability is in
    kCustom,  ///< the value of a custom field
    kColumn,  ///< what is not a field of Lead: of its last touch, an activity, a stay
  };

  /// As the request names it: `close_month`.
  std::string name;
  Kind kind = Kind::kField;
  /// The field of Lead that it is taken from.
  std::string field;
  /// Of kPeriod.
  Period period = Period::kMonth;
  /// Of kCustom.
  std::string key;
  /// Of kColumn: where its ids are, and what stands before each in the resource name that they make; no prefixes: the
  /// value is the column's.
  std::vector<std::string> columns;
  std::vector<std::string> prefixes;
};

/// What a report is over, and so what it can be grouped by.
enum class Subject { kLeads, kLeadsByLastTouch, kActivities, kStays };

/// Reads the dimensions that a request groups by. INVALID_ARGUMENT that names the element for an unknown one, one that
/// occurs twice, or more than kMaxDimensions.
absl::StatusOr<std::vector<Dimension>> ParseGroupBy(const std::vector<std::string>& group_by,
                                                    Subject subject = Subject::kLeads);
/// The stages that stays are in.
Dimension VisitedStage();

/// Whether a time can be grouped by and lie in a period: `create`, `expected_close`.
bool IsTime(const std::string& name, Subject subject);

/// A period by its first day: `2017-03-14`, `2017-W11` (ISO 8601), `2017-03`, `2017-Q1`, `2017`.
std::string PeriodText(Period period, Day first_day);
/// A band by its number, 0 to 9: `20-30`.
std::string BandText(int number);

}  // namespace embudo::reporting::logic
