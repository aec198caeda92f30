#include "common/text/dates.h"

#include <unicode/timezone.h>

#include <array>
#include <memory>
#include <optional>

#include "common/base/error.h"

namespace embudo::text {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

absl::Status Invalid(std::string_view text, std::string_view what, std::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_DATE",
               "\"" + std::string(text) + "\" is not a " + std::string(what) + ": " + std::string(why))
      .Meta("text", text);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Reads a text from left to right.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  char Peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool Take(char c) {
    if (Peek() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool TakeAnyOf(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Up to `most` digits.
  std::string_view Digits(size_t most) {
    size_t count = 0;
    while (count < most && count < rest_.size() && IsDigit(rest_[count])) ++count;
    const std::string_view digits = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return digits;
  }
  void SkipSpaces() {
    while (Take(' ')) {
    }
  }
  bool TakeWord(std::string_view word) {
    if (rest_.size() < word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i) {
      if ((rest_[i] | 0x20) != word[i]) return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }

 private:
  std::string_view rest_;
};

int ToInt(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

struct DateParts {
  std::string_view year, month, day;
};

/// The three numbers at the cursor, put in their places; nullopt if they are not there.
std::optional<DateParts> TakeDateParts(Cursor& cursor, DateOrder order) {
  const std::string_view first = cursor.Digits(8);
  if (first.size() == 8) return DateParts{first.substr(0, 4), first.substr(4, 2), first.substr(6, 2)};
  const char separator = cursor.Peek();
  if (first.empty() || !cursor.TakeAnyOf("-/.")) return std::nullopt;
  const std::string_view second = cursor.Digits(2);
  if (second.empty() || !cursor.Take(separator)) return std::nullopt;
  const std::string_view third = cursor.Digits(4);
  if (third.empty()) return std::nullopt;
  if (first.size() == 4) return DateParts{first, second, third};
  if (order == DateOrder::kMonthDayYear) return DateParts{third, first, second};
  if (order == DateOrder::kDayMonthYear) return DateParts{third, second, first};
  return DateParts{first, second, third};
}

absl::StatusOr<Day> TakeDay(Cursor& cursor, std::string_view text, std::string_view what, DateOrder order) {
  const std::optional<DateParts> parts = TakeDateParts(cursor, order);
  if (!parts) return Invalid(text, what, "it has no year, month and day");
  int year = ToInt(parts->year);
  if (parts->year.size() == 2 && order != DateOrder::kYearMonthDay) {
    year += year < 69 ? 2000 : 1900;  // as POSIX's %y does
  } else if (parts->year.size() != 4) {
    return Invalid(text, what, "year " + std::string(parts->year) + " (the order of its parts was not declared)");
  }
  const int month = ToInt(parts->month);
  const int day = ToInt(parts->day);
  if (month < 1 || month > 12) return Invalid(text, what, "month " + std::string(parts->month));
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // PostgreSQL, Protocol Buffers and people agree on the years from 1 on.
  if (year < 1) return Invalid(text, what, "year " + std::string(parts->year));
  if (!date.ok()) return Invalid(text, what, "day " + std::string(parts->day));
  return Day(date);
}

/// hours, minutes, seconds, fraction, AM/PM; nullopt if it is no time of day.
std::optional<microseconds> TakeTimeOfDay(Cursor& cursor) {
  const std::string_view hours = cursor.Digits(2);
  if (hours.empty() || !cursor.Take(':')) return std::nullopt;
  const std::string_view minute = cursor.Digits(2);
  if (minute.size() != 2) return std::nullopt;
  int second = 0;
  int64_t fraction = 0;
  if (cursor.Take(':')) {
    const std::string_view digits = cursor.Digits(2);
    if (digits.size() != 2) return std::nullopt;
    second = ToInt(digits);
    if (cursor.TakeAnyOf(".,")) {
      const std::string_view decimals = cursor.Digits(9);
      if (decimals.empty()) return std::nullopt;
      for (size_t i = 0; i < 6; ++i) fraction = fraction * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
    }
  }
  int hour = ToInt(hours);
  cursor.SkipSpaces();
  const bool pm = cursor.TakeWord("pm");
  if (pm || cursor.TakeWord("am")) {
    if (hour < 1 || hour > 12) return std::nullopt;
    hour = hour % 12 + (pm ? 12 : 0);
  }
  if (hour > 23 || ToInt(minute) > 59 || second > 60) return std::nullopt;
  return std::chrono::hours(hour) + minutes(ToInt(minute)) + seconds(second) + microseconds(fraction);
}

/// `Z`, `+08`, `+0800`, `-08:00`; nullopt if there is none, which `malformed` tells from a wrong one.
std::optional<minutes> TakeOffset(Cursor& cursor, bool* malformed) {
  cursor.SkipSpaces();
  if (cursor.TakeAnyOf("Zz")) return minutes(0);
  const bool west = cursor.Peek() == '-';
  if (!cursor.TakeAnyOf("+-")) return std::nullopt;
  const std::string_view hours = cursor.Digits(2);
  cursor.Take(':');
  const std::string_view rest = cursor.Digits(2);
  *malformed = hours.size() != 2 || rest.size() == 1 || ToInt(hours) > 15 || ToInt(rest) > 59;
  const minutes offset = std::chrono::hours(ToInt(hours)) + minutes(ToInt(rest));
  return west ? -offset : offset;
}

/// Seconds or milliseconds since 1970, if the text is that.
std::optional<Time> ParseEpoch(std::string_view text) {
  if (text.size() < 10 || text.size() > 14) return std::nullopt;
  int64_t value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return text.size() == 10 ? Time(seconds(value)) : Time(milliseconds(value));
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

/// What a text says, without a time zone's help.
struct Written {
  Day day;
  microseconds time_of_day{0};
  /// Ahead of UTC.
  std::optional<minutes> offset;
};

absl::StatusOr<Written> Parse(std::string_view text, DateOrder order) {
  const std::string_view trimmed = Trim(text);
  Written written;
  if (const std::optional<Time> epoch = ParseEpoch(trimmed)) {
    written.day = std::chrono::floor<std::chrono::days>(*epoch);
    written.time_of_day = *epoch - written.day;
    written.offset = minutes(0);
    return written;
  }
  Cursor cursor(trimmed);
  EMBUDO_ASSIGN_OR_RETURN(written.day, TakeDay(cursor, text, "date", order));
  if (cursor.AtEnd()) return written;
  if (!cursor.TakeAnyOf("Tt ")) return Invalid(text, "date", "something follows the day");
  cursor.SkipSpaces();
  const std::optional<microseconds> time_of_day = TakeTimeOfDay(cursor);
  if (!time_of_day) return Invalid(text, "time", "its time of day is not well-formed");
  written.time_of_day = *time_of_day;
  bool malformed = false;
  written.offset = TakeOffset(cursor, &malformed);
  if (malformed || !cursor.AtEnd()) return Invalid(text, "time", "something else follows its time of day");
  return written;
}

/// How far a zone is ahead of UTC. `local`: the time is what the zone's clocks show.
milliseconds OffsetAt(Time time, bool local, const std::string& time_zone) {
  if (time_zone.empty() || time_zone == "UTC") return milliseconds(0);
  const std::unique_ptr<icu::TimeZone> zone(icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(time_zone)));
  int32_t raw_offset = 0;
  int32_t dst_offset = 0;
  UErrorCode error = U_ZERO_ERROR;
  const auto millis = std::chrono::floor<milliseconds>(time).time_since_epoch().count();
  zone->getOffset(static_cast<UDate>(millis), local, raw_offset, dst_offset, error);
  return milliseconds(U_FAILURE(error) ? 0 : raw_offset + dst_offset);
}

}  // namespace

absl::StatusOr<Day> ParseDay(std::string_view text, DateOrder order) {
  EMBUDO_ASSIGN_OR_RETURN(const Written written, Parse(text, order));
  return written.day;
}

absl::StatusOr<Time> ParseTime(std::string_view text, DateOrder order, const std::string& time_zone) {
  EMBUDO_ASSIGN_OR_RETURN(const Written written, Parse(text, order));
  if (written.offset) return Time(written.day) + written.time_of_day - *written.offset;
  return LocalToUtc(std::chrono::local_days(written.day.time_since_epoch()) + written.time_of_day, time_zone);
}

bool IsTimeZone(const std::string& name) {
  const std::unique_ptr<icu::TimeZone> zone(icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(name)));
  return !name.empty() && *zone != icu::TimeZone::getUnknown();
}

Time LocalToUtc(std::chrono::local_time<microseconds> local, const std::string& time_zone) {
  const Time as_utc(local.time_since_epoch());
  return as_utc - OffsetAt(as_utc, /*local=*/true, time_zone);
}

Day DayIn(Time time, const std::string& time_zone) {
  return std::chrono::floor<std::chrono::days>(time + OffsetAt(time, /*local=*/false, time_zone));
}

}  // namespace embudo::text
