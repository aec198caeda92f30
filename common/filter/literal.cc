#include "common/filter/literal.h"

#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace embudo::filter {
namespace {

constexpr int kDecimals = 9;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits that the text begins with.
std::string_view TakeDigits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), IsDigit);
  const std::string_view digits = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

bool Take(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes exactly `size` digits as a number.
std::optional<int> TakeNumber(std::string_view& text, size_t size) {
  const std::string_view digits = TakeDigits(text);
  if (digits.size() != size) return std::nullopt;
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

template <class Number>
std::optional<Number> Convert(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A number as JSON writes it, taken apart: digits * 10^-scale.
struct Number {
  bool negative = false;
  std::string digits;
  int scale = 0;
};

std::optional<Number> ParseNumber(std::string_view text) {
  constexpr int kMaxExponent = 400;
  Number number;
  number.negative = Take(text, "-");
  number.digits = TakeDigits(text);
  if (number.digits.empty()) return std::nullopt;
  if (Take(text, ".")) {
    const std::string_view decimals = TakeDigits(text);
    if (decimals.empty()) return std::nullopt;
    number.digits += decimals;
    number.scale = static_cast<int>(decimals.size());
  }
  if (Take(text, "eE")) {
    const bool negative = !text.empty() && text[0] == '-';
    Take(text, "+-");
    const auto exponent = Convert<int>(TakeDigits(text));
    if (!exponent || *exponent > kMaxExponent) return std::nullopt;
    number.scale += negative ? *exponent : -*exponent;
  }
  if (!text.empty()) return std::nullopt;
  return number;
}

bool InRange(Time time) {
  using namespace std::chrono;
  return time >= Time(sys_days(year(1) / 1 / 1)) && time < Time(sys_days(year(10000) / 1 / 1));
}

std::optional<Day> TakeDay(std::string_view& text) {
  const auto year = TakeNumber(text, 4);
  if (!year || !Take(text, "-")) return std::nullopt;
  const auto month = TakeNumber(text, 2);
  if (!month || !Take(text, "-")) return std::nullopt;
  const auto day = TakeNumber(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *year == 0) return std::nullopt;
  return Day(date);
}

/// `18:00` as minutes.
std::optional<std::chrono::minutes> TakeHourAndMinute(std::string_view& text) {
  const auto hours = TakeNumber(text, 2);
  if (!hours || *hours > 23 || !Take(text, ":")) return std::nullopt;
  const auto minutes = TakeNumber(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
}

std::optional<std::chrono::microseconds> TakeFraction(std::string_view& text) {
  if (!Take(text, ".")) return std::chrono::microseconds(0);
  std::string digits(TakeDigits(text));
  if (digits.empty() || digits.size() > kDecimals) return std::nullopt;
  digits.resize(6, '0');
  return std::chrono::microseconds(*Convert<int>(digits));
}

/// How far the clock of the offset (`Z`, `+01:00`) is ahead of UTC.
std::optional<std::chrono::minutes> TakeOffset(std::string_view& text) {
  if (Take(text, "Zz")) return std::chrono::minutes(0);
  const bool west = !text.empty() && text[0] == '-';
  if (!Take(text, "+-")) return std::nullopt;
  const auto offset = TakeHourAndMinute(text);
  if (!offset) return std::nullopt;
  return west ? -*offset : *offset;
}

void AppendUtf8(std::string& text, wint_t character) {
  if (character < 0x80) {
    text += static_cast<char>(character);
    return;
  }
  const int rest = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  static constexpr unsigned kFirst[] = {0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(kFirst[rest] | character >> (6 * rest));
  for (int shift = 6 * (rest - 1); shift >= 0; shift -= 6) {
    text += static_cast<char>(0x80U | (character >> shift & 0x3FU));
  }
}

}  // namespace

std::string Decimal::ToString() const {
  const bool negative = units < 0 || nanos < 0;
  std::string text = std::to_string(units);
  if (negative && units == 0) text.insert(0, "-");
  if (nanos == 0) return text;
  char decimals[16];
  std::snprintf(decimals, sizeof decimals, ".%09d", negative ? -nanos : nanos);
  text += decimals;
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

std::optional<Decimal> ParseDecimal(std::string_view text) {
  auto number = ParseNumber(text);
  if (!number) return std::nullopt;
  auto& [negative, digits, scale] = *number;
  while (!digits.empty() && digits.back() == '0') {
    digits.pop_back();
    --scale;
  }
  if (digits.empty()) return Decimal{};
  if (scale > kDecimals) return std::nullopt;
  // Now write it with exactly nine decimals and something before them.
  digits.append(static_cast<size_t>(kDecimals - scale), '0');
  if (digits.size() <= kDecimals) digits.insert(0, kDecimals + 1 - digits.size(), '0');
  const std::string sign = negative ? "-" : "";
  const auto units = Convert<int64_t>(sign + digits.substr(0, digits.size() - kDecimals));
  if (!units) return std::nullopt;
  return Decimal{*units, *Convert<int32_t>(sign + digits.substr(digits.size() - kDecimals))};
}

std::optional<int64_t> ParseInt(std::string_view text) { return Convert<int64_t>(text); }

std::optional<double> ParseDouble(std::string_view text) {
  if (!ParseNumber(text)) return std::nullopt;
  return Convert<double>(text);
}

std::string FormatDouble(double number) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::optional<Time> ParseTime(std::string_view text) {
  const auto day = TakeDay(text);
  if (!day) return std::nullopt;
  if (text.empty()) return Time(*day);
  if (!Take(text, "Tt")) return std::nullopt;
  const auto minutes = TakeHourAndMinute(text);
  if (!minutes || !Take(text, ":")) return std::nullopt;
  const auto seconds = TakeNumber(text, 2);
  if (!seconds || *seconds > 59) return std::nullopt;
  const auto fraction = TakeFraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const Time time = Time(*day) + *minutes + std::chrono::seconds(*seconds) + *fraction - *offset;
  if (!InRange(time)) return std::nullopt;
  return time;
}

std::optional<Day> ParseDay(std::string_view text) {
  const auto day = TakeDay(text);
  return text.empty() ? day : std::nullopt;
}

std::optional<std::chrono::seconds> ParseDuration(std::string_view text) {
  constexpr std::chrono::seconds kLongest = std::chrono::days(36500);
  const auto count = Convert<int64_t>(TakeDigits(text));
  if (!count || text.size() != 1) return std::nullopt;
  int64_t unit = 0;
  switch (text[0]) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86400;
      break;
    case 'w':
      unit = 7 * 86400;
      break;
    default:
      return std::nullopt;
  }
  if (*count > kLongest.count() / unit) return std::nullopt;
  return std::chrono::seconds(*count * unit);
}

std::string LowerCase(std::string_view text) {
  // The C library's own Unicode locale: there without any locale installed, and what PostgreSQL's lower() uses.
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string lower;
  lower.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int rest = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    wint_t character = rest == 0 ? first : first & (0x3FU >> rest);
    ++i;
    for (int j = 0; j < rest && i < text.size(); ++j, ++i) {
      character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    AppendUtf8(lower, towlower_l(character, unicode));
  }
  return lower;
}

}  // namespace embudo::filter
