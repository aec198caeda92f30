#include "services/automation/logic/working_hours.h"

#include <unicode/calendar.h>
#include <unicode/timezone.h>

#include <memory>

#include "common/base/error.h"

namespace embudo::automation::logic {
namespace {

constexpr int kDay = 24 * 60;

int Minutes(const google::type::TimeOfDay& time) { return time.hours() * 60 + time.minutes(); }

bool IsTime(const google::type::TimeOfDay& time) {
  return time.hours() >= 0 && time.hours() <= 24 && time.minutes() >= 0 && time.minutes() < 60 &&
         Minutes(time) <= kDay && time.seconds() == 0 && time.nanos() == 0;
}

/// 1 is Monday, as google.type.DayOfWeek has it, and the minute of the day.
std::pair<int, int> LocalTime(const std::string& time_zone, Time now) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::Calendar> calendar(icu::Calendar::createInstance(
      icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(time_zone.empty() ? std::string("UTC") : time_zone)),
      error));
  if (U_FAILURE(error)) return {1, 0};
  calendar->setTime(static_cast<UDate>(std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count()),
                    error);
  const int day = calendar->get(UCAL_DAY_OF_WEEK, error);  // 1 is Sunday
  const int minute = calendar->get(UCAL_HOUR_OF_DAY, error) * 60 + calendar->get(UCAL_MINUTE, error);
  return {day == 1 ? 7 : day - 1, minute};
}

}  // namespace

bool IsAtWork(const v1::AssignmentSettings& settings, const std::string& time_zone, Time now) {
  if (settings.working_hours().empty()) return true;
  const auto [day, minute] = LocalTime(time_zone, now);
  for (const auto& hours : settings.working_hours()) {
    const int end = hours.has_end_time() ? Minutes(hours.end_time()) : kDay;
    if (hours.day() == day && minute >= Minutes(hours.start_time()) && minute < end) return true;
  }
  return false;
}

absl::Status CheckTimes(const v1::AssignmentSettings& settings) {
  for (int i = 0; i < settings.working_hours_size(); ++i) {
    const auto& hours = settings.working_hours(i);
    const std::string field = "assignment_settings.working_hours[" + std::to_string(i) + "]";
    if (hours.day() == google::type::DAY_OF_WEEK_UNSPECIFIED) return InvalidField(field + ".day", "is required");
    if (!IsTime(hours.start_time())) return InvalidField(field + ".start_time", "is no time of a day, in minutes");
    if (!hours.has_end_time()) continue;
    if (!IsTime(hours.end_time())) return InvalidField(field + ".end_time", "is no time of a day, in minutes");
    if (Minutes(hours.end_time()) <= Minutes(hours.start_time())) {
      return InvalidField(field + ".end_time", "is not after start_time");
    }
  }
  if (!IsTime(settings.daily_time())) {
    return InvalidField("assignment_settings.daily_time", "is no time of a day, in minutes");
  }
  return absl::OkStatus();
}

}  // namespace embudo::automation::logic
