#include "services/capture/logic/locale_finding.h"

#include <algorithm>

namespace embudo::capture::logic {
namespace {

using v1::ImportMapping;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The numbers that a date begins with, and the sign between them.
struct Parts {
  std::vector<std::string> numbers;
  char sign = 0;
};

Parts PartsOf(const std::string& text) {
  Parts parts;
  std::string number;
  for (const char c : text) {
    if (IsDigit(c)) {
      number += c;
      continue;
    }
    if (number.empty()) break;
    parts.numbers.push_back(std::move(number));
    number.clear();
    if (parts.numbers.size() == 3) break;
    if (c != '/' && c != '.' && c != '-') return {};
    if (parts.sign != 0 && parts.sign != c) return {};
    parts.sign = c;
  }
  if (!number.empty()) parts.numbers.push_back(std::move(number));
  if (parts.numbers.size() != 3) return {};
  return parts;
}

}  // namespace

DateFinding FindDateOrder(const std::vector<std::string>& values) {
  DateFinding finding;
  bool day_first = false;
  bool month_first = false;
  bool points = false;
  bool any = false;
  for (const std::string& value : values) {
    const Parts parts = PartsOf(value);
    if (parts.numbers.empty()) continue;
    if (parts.numbers[0].size() == 4) {
      if (!any) finding.order = ImportMapping::DATE_ORDER_YEAR_MONTH_DAY;
      continue;
    }
    if (parts.numbers[0].size() > 2 || parts.numbers[1].size() > 2) continue;
    if (!any || finding.example.empty()) finding.example = value;
    any = true;
    points = points || parts.sign == '.';
    if (std::stoi(parts.numbers[0]) > 12) {
      day_first = true;
      finding.example = value;
    }
    if (std::stoi(parts.numbers[1]) > 12) {
      month_first = true;
      finding.example = value;
    }
  }
  if (!any) return finding;
  // Nobody writes the month first with points between.
  finding.ambiguous = day_first == month_first && !points;
  finding.order = day_first || (points && !month_first) ? ImportMapping::DATE_ORDER_DAY_MONTH_YEAR
                                                        : ImportMapping::DATE_ORDER_MONTH_DAY_YEAR;
  return finding;
}

NumberFinding FindDecimalSign(const std::vector<std::string>& values) {
  NumberFinding finding;
  bool point = false;
  bool comma = false;
  bool either = false;
  for (const std::string& value : values) {
    const auto is_sign = [](char c) { return c == '.' || c == ','; };
    const auto last = std::find_if(value.rbegin(), value.rend(), is_sign);
    if (last == value.rend()) continue;
    const auto digits = std::count_if(value.rbegin(), last, IsDigit);
    const auto same = std::count(value.begin(), value.end(), *last);
    const bool other = value.find(*last == '.' ? ',' : '.') != std::string::npos;
    // A sign that stands twice groups; of two signs the last is the decimal one; three digits behind one tell nothing.
    const bool decimal = same == 1 && (other || digits != 3);
    const bool groups = same > 1;
    if (decimal || groups) {
      if ((*last == '.') == decimal) {
        point = true;
      } else {
        comma = true;
      }
      if (finding.example.empty() || either) finding.example = value;
      if (other || groups) finding.digit_grouping = decimal ? (*last == '.' ? "," : ".") : std::string(1, *last);
    } else {
      if (finding.example.empty()) finding.example = value;
      either = true;
    }
  }
  if (!point && !comma && !either) return finding;
  finding.ambiguous = point == comma;
  finding.decimal_sign = comma && !point ? "," : ".";
  if (either && !finding.ambiguous && finding.digit_grouping.empty()) {
    finding.digit_grouping = finding.decimal_sign == "," ? "." : ",";
  }
  if (finding.digit_grouping == finding.decimal_sign) finding.digit_grouping.clear();
  return finding;
}

}  // namespace embudo::capture::logic
