#include "services/reporting/logic/period.h"

#include "common/base/error.h"

namespace embudo::reporting::logic {

absl::Status TurnedRound(const std::string& field) {
  return Error(absl::StatusCode::kInvalidArgument, "PERIOD_TURNED_ROUND", "the period ends before it begins")
      .Field(field, "is before the first day");
}

absl::StatusOr<Days> ReadPeriod(const v1::Period& period, const std::string& time, Subject subject) {
  Days days;
  days.time = period.time().empty() ? time : period.time();
  if (!IsTime(days.time, subject)) {
    return InvalidField("period.time", "\"" + period.time() +
                                           "\" is no time of these records; times are create, open, "
                                           "close, expected_close …");
  }
  if (period.has_start_date()) days.from = FromDate(period.start_date());
  if (period.has_end_date()) days.to = FromDate(period.end_date());
  if (days.from && days.to && *days.to < *days.from) return TurnedRound("period.end_date");
  if (!days.from && !days.to) days.time.clear();
  return days;
}

std::optional<Days> Before(const Days& days) {
  if (!days.from || !days.to) return std::nullopt;
  const auto length = *days.to - *days.from + std::chrono::days(1);
  return Days{.time = days.time, .from = *days.from - length, .to = *days.from - std::chrono::days(1)};
}

Day FirstOfMonth(Day day) {
  const std::chrono::year_month_day date(day);
  return date.year() / date.month() / 1;
}

Day FirstOfQuarter(Day day) {
  const std::chrono::year_month_day date(day);
  const unsigned month = (static_cast<unsigned>(date.month()) - 1) / 3 * 3 + 1;
  return date.year() / std::chrono::month(month) / 1;
}

Day AddMonths(Day first_of_month, int months) {
  const std::chrono::year_month_day date(first_of_month);
  return (date.year() / date.month() + std::chrono::months(months)) / 1;
}

}  // namespace embudo::reporting::logic
