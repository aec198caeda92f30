#include "services/reporting/logic/dimension.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "common/base/error.h"

namespace embudo::reporting::logic {
namespace {

/// Dimensions that are a field of Lead, by the name that requests give them.
const std::map<std::string, std::string, std::less<>>& Fields() {
  static const auto* const fields = [] {
    auto* map = new std::map<std::string, std::string, std::less<>>{{"product", "products"}, {"tag", "tags"}};
    for (const char* field :
         {"pipeline", "stage",    "team",     "owner",  "office",      "contact",          "company",  "company_name",
          "industry", "country",  "source",   "medium", "campaign",    "channel",          "language", "lost_reason",
          "state",    "archived", "priority", "kind",   "lead_status", "forecast_category"}) {
      map->emplace(field, field);
    }
    return map;
  }();
  return *fields;
}

/// Times and dates of Lead that can be grouped by period, by what stands before `_month`: its field's name without
/// `_time` or `_date`.
constexpr std::array<std::string_view, 10> kTimes = {"create",      "open",         "close",   "assign",
                                                     "stage_enter", "last_touch",   "convert", "expected_close",
                                                     "decision",    "next_activity"};

/// Times of activities.
constexpr std::array<std::string_view, 3> kActivityTimes = {"activity_create", "due", "done"};

constexpr std::array<std::pair<std::string_view, Period>, 5> kPeriods = {{
    {"day", Period::kDay},
    {"week", Period::kWeek},
    {"month", Period::kMonth},
    {"quarter", Period::kQuarter},
    {"year", Period::kYear},
}};

constexpr std::string_view kCustomPrefix = "custom_fields.";

std::optional<Dimension> ParsePeriod(const std::string& name, Subject subject) {
  const size_t underscore = name.rfind('_');
  if (underscore == std::string::npos || !IsTime(name.substr(0, underscore), subject)) return std::nullopt;
  for (const auto& [word, period] : kPeriods) {
    if (name.substr(underscore + 1) != word) continue;
    return Dimension{
        .name = name, .kind = Dimension::Kind::kPeriod, .field = name.substr(0, underscore), .period = period};
  }
  return std::nullopt;
}

Dimension Column(const std::string& name, const std::string& column, const std::string& prefix = "") {
  Dimension dimension{.name = name, .kind = Dimension::Kind::kColumn, .columns = {column}};
  if (!prefix.empty()) dimension.prefixes = {prefix};
  return dimension;
}

/// What only some subjects have, or have in another way.
std::optional<Dimension> ParseOwn(const std::string& name, Subject subject) {
  if (subject == Subject::kLeadsByLastTouch) {
    for (const char* field : {"source", "medium", "campaign", "channel"}) {
      if (name == field) return Column(name, "last_" + name);
    }
  }
  if (subject != Subject::kActivities) return std::nullopt;
  if (name == "assignee") return Column(name, "assignee_id", "users/");
  if (name == "activity_type") return Column(name, "activity_type_id", "activityTypes/");
  if (name == "activity_state" || name == "type") return Column(name, name);
  return std::nullopt;
}

std::optional<Dimension> Parse(const std::string& name, Subject subject) {
  if (auto own = ParseOwn(name, subject)) return own;
  if (const auto field = Fields().find(name); field != Fields().end()) {
    return Dimension{.name = name, .kind = Dimension::Kind::kField, .field = field->second};
  }
  if (name == "probability_band") {
    return Dimension{.name = name, .kind = Dimension::Kind::kBand, .field = "probability"};
  }
  if (name.starts_with(kCustomPrefix) && name.size() > kCustomPrefix.size()) {
    return Dimension{.name = name,
                     .kind = Dimension::Kind::kCustom,
                     .field = "custom_fields",
                     .key = name.substr(kCustomPrefix.size())};
  }
  return ParsePeriod(name, subject);
}

std::string Print(const char* format, int a, int b) {
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), format, a, b);
  return {text.data(), static_cast<size_t>(size)};
}

/// The ISO year and week of a Monday: the year is that of the week's Thursday.
std::string WeekText(Day monday) {
  const Day thursday = monday + std::chrono::days(3);
  const auto year = std::chrono::year_month_day(thursday).year();
  const Day first = year / std::chrono::January / 1;
  const auto week = (thursday - first).count() / 7 + 1;
  return Print("%04d-W%02d", static_cast<int>(year), static_cast<int>(week));
}

}  // namespace

absl::StatusOr<std::vector<Dimension>> ParseGroupBy(const std::vector<std::string>& group_by, Subject subject) {
  if (group_by.size() > kMaxDimensions) {
    return InvalidField("group_by", "takes at most " + std::to_string(kMaxDimensions) + " dimensions");
  }
  std::vector<Dimension> dimensions;
  for (size_t i = 0; i < group_by.size(); ++i) {
    const std::string path = "group_by[" + std::to_string(i) + "]";
    auto dimension = Parse(group_by[i], subject);
    if (!dimension) {
      return InvalidField(path, "\"" + group_by[i] +
                                    "\" is no dimension; dimensions are fields of Lead such as stage or owner, "
                                    "custom_fields.<key>, probability_band, and periods such as close_month");
    }
    const bool twice = std::any_of(dimensions.begin(), dimensions.end(),
                                   [&](const Dimension& other) { return other.name == dimension->name; });
    if (twice) return InvalidField(path, "\"" + group_by[i] + "\" is there twice");
    dimensions.push_back(*std::move(dimension));
  }
  return dimensions;
}

Dimension VisitedStage() {
  return {.name = "visited_stage",
          .kind = Dimension::Kind::kColumn,
          .columns = {"visited_pipeline_id", "visited_stage_id"},
          .prefixes = {"pipelines/", "/stages/"}};
}

bool IsTime(const std::string& name, Subject subject) {
  const bool of_activity = std::find(kActivityTimes.begin(), kActivityTimes.end(), name) != kActivityTimes.end();
  if (of_activity) return subject == Subject::kActivities;
  return std::find(kTimes.begin(), kTimes.end(), name) != kTimes.end();
}

std::string PeriodText(Period period, Day first_day) {
  const std::chrono::year_month_day date(first_day);
  const auto year = static_cast<int>(date.year());
  const auto month = static_cast<int>(static_cast<unsigned>(date.month()));
  switch (period) {
    case Period::kDay:
      return FormatDate(ToDate(first_day));
    case Period::kWeek:
      return WeekText(first_day);
    case Period::kMonth:
      return Print("%04d-%02d", year, month);
    case Period::kQuarter:
      return Print("%04d-Q%d", year, (month + 2) / 3);
    case Period::kYear:
      break;
  }
  return FormatDate(ToDate(first_day)).substr(0, 4);
}

std::string BandText(int number) { return Print("%d-%d", 10 * number, 10 * number + 10); }

}  // namespace embudo::reporting::logic
