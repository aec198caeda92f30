#include "common/filter/literal.h"

#include <algorithm>
#include <charconv>

#include "common/base/money.h"

namespace embudo::filter {
namespace {

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
  return time >= Time(Day(std::chrono::year(1) / 1 / 1)) && time < Time(Day(std::chrono::year(10000) / 1 / 1));
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
  if (digits.empty() || digits.size() > 9) return std::nullopt;
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

}  // namespace

std::string Decimal::ToString() const {
  google::type::Money money;
  money.set_units(units);
  money.set_nanos(nanos);
  return ToNumeric(money);
}

std::optional<Decimal> ParseDecimal(std::string_view text) {
  auto number = ParseNumber(text);
  if (!number) return std::nullopt;
  // Write the exponent out.
  auto& [negative, digits, scale] = *number;
  if (scale < 0) digits.append(static_cast<size_t>(-scale), '0');
  const auto decimals = static_cast<size_t>(std::max(scale, 0));
  if (digits.size() < decimals) digits.insert(0, decimals - digits.size(), '0');
  digits.insert(digits.size() - decimals, ".");
  const auto money = MoneyFromNumeric((negative ? "-" : "") + digits, "");
  if (!money.ok()) return std::nullopt;
  return Decimal{money->units(), money->nanos()};
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

}  // namespace embudo::filter
