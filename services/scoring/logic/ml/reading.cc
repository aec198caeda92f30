#include "services/scoring/logic/ml/reading.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "services/scoring/logic/ml/values.h"

namespace embudo::scoring::ml {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// What part of a column's cells must be of a kind, for the column to be.
constexpr double kOfKind = 0.95;
/// Days between pairs of dates are told for this many date columns at most.
constexpr size_t kPairedDates = 4;
/// A text that is different in more than this part of the rows names the row.
constexpr double kIdShare = 0.8;
constexpr size_t kRowsForId = 30;
/// Words and distinct share from which a column is prose.
constexpr double kProseWords = 4;
constexpr double kProseShare = 0.3;

using Cells = std::vector<std::string>;

/// The cells that have a value.
std::vector<std::string_view> PresentOf(const Cells& cells) {
  std::vector<std::string_view> present;
  for (const std::string& cell : cells) {
    if (!IsMissing(cell)) present.push_back(Trim(cell));
  }
  return present;
}

template <class Test>
bool Most(const std::vector<std::string_view>& cells, Test test) {
  const auto allowed = static_cast<size_t>((1 - kOfKind) * static_cast<double>(cells.size()));
  size_t failed = 0;
  for (const std::string_view cell : cells) {
    if (!test(cell) && ++failed > allowed) return false;
  }
  return true;
}

/// Moments are told as days since 1970. Only text with at least two marks, or yyyymmdd, can be a date: `3.5` is none.
std::optional<double> ParseDate(std::string_view cell, text::DateOrder order) {
  size_t digits = 0;
  size_t marks = 0;
  for (const char c : cell) {
    digits += std::isdigit(static_cast<unsigned char>(c)) != 0 ? 1 : 0;
    marks += c == '-' || c == '/' || c == '.' || c == ':' ? 1 : 0;
  }
  const bool compact = cell.size() == 8 && digits == 8 && (cell.starts_with("19") || cell.starts_with("20"));
  if (!compact && (digits < 3 || marks < 2 || cell.size() > 40)) return std::nullopt;
  if (const auto time = text::ParseTime(cell, order); time.ok()) {
    return std::chrono::duration<double, std::ratio<86400>>(time->time_since_epoch()).count();
  }
  const auto day = text::ParseDay(cell, order);
  if (!day.ok()) return std::nullopt;
  return static_cast<double>(std::chrono::sys_days(*day).time_since_epoch().count());
}

std::optional<text::DateOrder> DateOrderOf(const std::vector<std::string_view>& cells) {
  for (const auto order :
       {text::DateOrder::kYearMonthDay, text::DateOrder::kDayMonthYear, text::DateOrder::kMonthDayYear}) {
    if (Most(cells, [&](std::string_view cell) { return ParseDate(cell, order).has_value(); })) return order;
  }
  return std::nullopt;
}

bool EndsWithId(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return lower == "id" || lower.ends_with("_id") || lower.ends_with(" id") || lower.ends_with("uuid") ||
         name.ends_with("Id") || name.ends_with("ID");
}

/// Whole numbers that are all different: a key, or the number of the row.
bool IsNumberedId(const Source& source, const std::vector<std::string_view>& cells, size_t distinct) {
  if (cells.size() < kRowsForId) return false;
  if (static_cast<double>(distinct) < 0.99 * static_cast<double>(cells.size())) return false;
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  for (const std::string_view cell : cells) {
    const auto number = ParseNumber(cell, source.decimal_comma);
    if (!number || *number != std::floor(*number)) return false;
    least = std::min(least, *number);
    most = std::max(most, *number);
  }
  return EndsWithId(source.name) || most - least < 2 * static_cast<double>(cells.size());
}

void LeaveOut(Source& source, std::string why) {
  source.kind = Source::Kind::kLeftOut;
  source.why = std::move(why);
}

Source LearnSource(const std::string& name, const Cells& cells) {
  Source source;
  source.name = name;
  const std::vector<std::string_view> present = PresentOf(cells);
  const size_t distinct = std::unordered_set<std::string_view>(present.begin(), present.end()).size();
  // Whether a value is there at all may say something.
  const bool varies = distinct > 1 || (distinct == 1 && present.size() < cells.size());
  if (!varies) {
    LeaveOut(source, present.empty() ? "empty" : "constant");
    return source;
  }
  if (const auto order = DateOrderOf(present)) {
    source.kind = Source::Kind::kDate;
    source.order = *order;
    return source;
  }
  for (const bool comma : {false, true}) {
    if (!Most(present, [&](std::string_view cell) { return ParseNumber(cell, comma).has_value(); })) continue;
    source.kind = Source::Kind::kNumber;
    source.decimal_comma = comma;
    if (IsNumberedId(source, present, distinct)) LeaveOut(source, "id");
    return source;
  }
  source.kind = Source::Kind::kCategory;
  const double share = static_cast<double>(distinct) / static_cast<double>(present.size());
  double blanks = 0;
  for (const std::string_view cell : present) blanks += static_cast<double>(std::count(cell.begin(), cell.end(), ' '));
  if (present.size() >= kRowsForId && blanks / static_cast<double>(present.size()) + 1 >= kProseWords &&
      share > kProseShare) {
    LeaveOut(source, "text");
  } else if (present.size() >= kRowsForId && share > kIdShare) {
    LeaveOut(source, "id");
  }
  return source;
}

Column ReadCategory(const std::string& name, const Cells& cells) {
  Column column;
  column.name = name;
  std::unordered_map<std::string_view, int32_t> known;
  column.codes.reserve(cells.size());
  for (const std::string& cell : cells) {
    if (IsMissing(cell)) {
      column.codes.push_back(-1);
      continue;
    }
    const auto [found, is_new] = known.emplace(Trim(cell), static_cast<int32_t>(known.size()));
    if (is_new) column.values.emplace_back(found->first);
    column.codes.push_back(found->second);
  }
  return column;
}

Column NumberColumn(std::string name, std::vector<double> numbers) {
  Column column;
  column.name = std::move(name);
  column.is_number = true;
  column.numbers = std::move(numbers);
  return column;
}

std::vector<double> ReadDates(const Source& source, const Cells& cells) {
  std::vector<double> days;
  days.reserve(cells.size());
  for (const std::string& cell : cells) {
    days.push_back(IsMissing(cell) ? kNan : ParseDate(Trim(cell), source.order).value_or(kNan));
  }
  return days;
}

/// The parts of a date that repeat: month, weekday, hour.
void AddDateParts(const std::string& name, const std::vector<double>& days, Dataset& data) {
  std::vector<double> months;
  std::vector<double> weekdays;
  std::vector<double> hours;
  for (const double at : days) {
    if (std::isnan(at)) {
      for (auto* part : {&months, &weekdays, &hours}) part->push_back(kNan);
      continue;
    }
    const std::chrono::sys_days day{std::chrono::days(static_cast<int64_t>(std::floor(at)))};
    months.push_back(static_cast<unsigned>(std::chrono::year_month_day(day).month()));
    weekdays.push_back(std::chrono::weekday(day).iso_encoding());
    hours.push_back(std::floor((at - std::floor(at)) * 24));
  }
  data.columns.push_back(NumberColumn(name, days));
  data.columns.push_back(NumberColumn(name + " month", std::move(months)));
  data.columns.push_back(NumberColumn(name + " weekday", std::move(weekdays)));
  data.columns.push_back(NumberColumn(name + " hour", std::move(hours)));
}

void AddDaysBetween(const std::vector<std::pair<std::string, std::vector<double>>>& dates, Dataset& data) {
  const size_t count = std::min(dates.size(), kPairedDates);
  for (size_t a = 0; a < count; ++a) {
    for (size_t b = a + 1; b < count; ++b) {
      std::vector<double> days(data.rows);
      for (size_t i = 0; i < days.size(); ++i) days[i] = dates[b].second[i] - dates[a].second[i];
      data.columns.push_back(NumberColumn(dates[a].first + " to " + dates[b].first, std::move(days)));
    }
  }
}

}  // namespace

Reading Reading::Learn(const Table& table) {
  std::vector<Source> sources;
  for (size_t i = 0; i < table.names.size(); ++i) sources.push_back(LearnSource(table.names[i], table.cells[i]));
  return Reading(std::move(sources));
}

Dataset Reading::Read(const Table& table) const {
  Dataset data;
  data.rows = table.rows();
  std::vector<std::pair<std::string, std::vector<double>>> dates;
  const Cells nothing(data.rows);
  for (const Source& source : sources_) {
    if (source.kind == Source::Kind::kLeftOut) continue;
    const auto named = std::find(table.names.begin(), table.names.end(), source.name);
    const Cells& cells =
        named == table.names.end() ? nothing : table.cells[static_cast<size_t>(named - table.names.begin())];
    if (source.kind == Source::Kind::kCategory) {
      data.columns.push_back(ReadCategory(source.name, cells));
    } else if (source.kind == Source::Kind::kDate) {
      dates.emplace_back(source.name, ReadDates(source, cells));
      AddDateParts(source.name, dates.back().second, data);
    } else {
      std::vector<double> numbers;
      numbers.reserve(cells.size());
      for (const std::string& cell : cells) {
        numbers.push_back(IsMissing(cell) ? kNan : ParseNumber(cell, source.decimal_comma).value_or(kNan));
      }
      data.columns.push_back(NumberColumn(source.name, std::move(numbers)));
    }
  }
  AddDaysBetween(dates, data);
  return data;
}

std::vector<double> TimesOf(const std::vector<std::string>& cells) {
  const auto order = DateOrderOf(PresentOf(cells)).value_or(text::DateOrder::kYearMonthDay);
  std::vector<double> times;
  times.reserve(cells.size());
  for (const std::string& cell : cells) {
    const std::string_view text = Trim(cell);
    const auto date = ParseDate(text, order);
    times.push_back(date ? *date : ParseNumber(text, false).value_or(kNan));
  }
  return times;
}

}  // namespace embudo::scoring::ml
