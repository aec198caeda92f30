#include "services/automation/logic/cron.h"

#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/error.h"

namespace embudo::automation::logic {
namespace {

constexpr int kYears = 5;

/// One of the five fields.
struct FieldKind {
  const char* name;
  int least;
  int most;
  /// Names of the values from `least` on.
  std::vector<std::string> names;
};

const std::array<FieldKind, 5>& Kinds() {
  static const auto* const kinds = new std::array<FieldKind, 5>{{
      {"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day of month", 1, 31, {}},
      {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
  }};
  return *kinds;
}

std::optional<int> ReadNumber(const std::string& text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) return std::nullopt;
  return value;
}

std::optional<int> ReadValue(const std::string& text, const FieldKind& kind) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (size_t i = 0; i < kind.names.size(); ++i) {
    if (lower == kind.names[i]) return kind.least + static_cast<int>(i);
  }
  return ReadNumber(text, kind.least, kind.most);
}

/// `*`, `5`, `1-5`, each maybe with `/2`; the values that it names.
bool ReadItem(const std::string& item, const FieldKind& kind, std::bitset<60>* values) {
  const std::vector<std::string> parts = absl::StrSplit(item, '/');
  int step = 1;
  if (parts.size() > 2) return false;
  if (parts.size() == 2) {
    const auto read = ReadNumber(parts[1], 1, kind.most);
    if (!read) return false;
    step = *read;
  }
  int first = kind.least;
  int last = kind.most;
  if (parts[0] != "*") {
    const std::vector<std::string> ends = absl::StrSplit(parts[0], '-');
    const auto from = ReadValue(ends[0], kind);
    if (!from || ends.size() > 2) return false;
    first = *from;
    last = parts.size() == 2 ? kind.most : first;
    if (ends.size() == 2) {
      const auto to = ReadValue(ends[1], kind);
      if (!to || *to < first) return false;
      last = *to;
    }
  }
  for (int value = first; value <= last; value += step) values->set(static_cast<size_t>(value));
  return true;
}

}  // namespace

absl::StatusOr<Cron> Cron::Parse(std::string_view text, std::string_view field) {
  const std::vector<std::string> fields = absl::StrSplit(std::string(text), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (fields.size() != Kinds().size()) {
    return InvalidField(field, "must have five fields: minute, hour, day of month, month, day of week");
  }
  std::array<std::bitset<60>, 5> values;
  for (size_t i = 0; i < fields.size(); ++i) {
    for (const auto& item : absl::StrSplit(fields[i], ',')) {
      if (ReadItem(std::string(item), Kinds()[i], &values[i])) continue;
      return InvalidField(field, "\"" + fields[i] + "\" is no " + Kinds()[i].name);
    }
  }
  Cron cron;
  const auto copy = [](const std::bitset<60>& from, auto& to) {
    for (size_t i = 0; i < to.size(); ++i) to[i] = from[i];
  };
  copy(values[0], cron.minutes_);
  copy(values[1], cron.hours_);
  copy(values[2], cron.days_);
  copy(values[3], cron.months_);
  copy(values[4], cron.weekdays_);
  if (values[4][7]) cron.weekdays_[0] = true;
  cron.any_day_ = fields[2].starts_with('*');
  cron.any_weekday_ = fields[4].starts_with('*');
  return cron;
}

bool Cron::IsDay(const absl::CivilDay& day) const {
  // Abseil counts from Monday.
  const auto weekday = (static_cast<size_t>(absl::GetWeekday(day)) + 1) % 7;
  const bool of_month = days_[static_cast<size_t>(day.day())];
  if (any_day_ || any_weekday_) return of_month && weekdays_[weekday];
  return of_month || weekdays_[weekday];
}

std::optional<Time> Cron::Next(Time after, const absl::TimeZone& zone) const {
  const absl::Time start = absl::FromChrono(after);
  const absl::CivilMinute begin(absl::ToCivilSecond(start, zone));
  absl::CivilDay day(begin);
  for (const absl::CivilDay end = day + 366 * kYears; day < end; ++day) {
    if (!months_[static_cast<size_t>(day.month())] || !IsDay(day)) continue;
    for (int hour = 0; hour < 24; ++hour) {
      if (!hours_[static_cast<size_t>(hour)]) continue;
      for (int minute = 0; minute < 60; ++minute) {
        if (!minutes_[static_cast<size_t>(minute)]) continue;
        const absl::CivilSecond second(day.year(), day.month(), day.day(), hour, minute);
        if (second < absl::CivilSecond(begin)) continue;
        const absl::TimeZone::TimeInfo info = zone.At(second);
        if (info.kind == absl::TimeZone::TimeInfo::SKIPPED || info.pre <= start) continue;
        return std::chrono::time_point_cast<Time::duration>(absl::ToChronoTime(info.pre));
      }
    }
  }
  return std::nullopt;
}

absl::TimeZone ZoneOf(const std::string& name) {
  absl::TimeZone zone;
  return absl::LoadTimeZone(name, &zone) ? zone : absl::UTCTimeZone();
}

}  // namespace embudo::automation::logic
