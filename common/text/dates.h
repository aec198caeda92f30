#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace embudo::text {

/// The order of a date's parts where its text does not tell: 03/04/2024 is the 4th of March or the 3rd of April. Text
/// that begins with a year of four digits is year, month, day in any order declared.
enum class DateOrder { kYearMonthDay, kMonthDayYear, kDayMonthYear };

/// Parses a date as exports write it: `2017-03-01`, `20170301`, `3/1/2017`, `01.03.2017`, `1-3-17` (two digits of a
/// year: 1969–2068). A time behind it is left out, its offset too: the day is the written one. INVALID_ARGUMENT, reason
/// INVALID_DATE, whose message quotes the text and names the part that is wrong: `"2017-13-01" is not a date: month
/// 13`.
absl::StatusOr<Day> ParseDay(std::string_view text, DateOrder order = DateOrder::kYearMonthDay);

/// Parses a moment: a date as above, alone (midnight) or with a time (`T` or space, `09:30`, `02:14:45.000`,
/// `2:30 PM`) and an offset (`Z`, `+0800`, `+08:00`); without one it is local time of `time_zone` (IANA name, empty:
/// UTC). Also milliseconds since 1970 (10 or more digits and nothing else; 10 digits are seconds).
absl::StatusOr<Time> ParseTime(std::string_view text, DateOrder order = DateOrder::kYearMonthDay,
                               const std::string& time_zone = "");

/// Whether there is a time zone of that IANA name.
bool IsTimeZone(const std::string& name);
/// The moment that a local time of a zone is; in the hour that a clock shows twice, the first. UTC for unknown zones.
Time LocalToUtc(std::chrono::local_time<std::chrono::microseconds> local, const std::string& time_zone);
/// The calendar day that it is in a zone at that moment. UTC's for unknown zones.
Day DayIn(Time time, const std::string& time_zone);

}  // namespace embudo::text
