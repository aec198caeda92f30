#include "services/scoring/logic/ml/values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace embudo::scoring::ml {
namespace {

constexpr std::string_view kMissing[] = {"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "nil"};
constexpr std::string_view kAround[] = {"$", "€", "£", "¥", "R$", "USD", "EUR", "GBP", "BRL", "%"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view StripUnits(std::string_view text) {
  for (const std::string_view unit : kAround) {
    if (text.starts_with(unit)) return Trim(text.substr(unit.size()));
    if (text.ends_with(unit)) return Trim(text.substr(0, text.size() - unit.size()));
  }
  return text;
}

/// Takes `1,234,567` apart; false if the marks are not in threes.
bool RemoveGroups(std::string& digits, char mark, char point) {
  if (digits.find(mark) == std::string::npos) return true;
  const size_t whole = std::min(digits.find(point), digits.size());
  size_t since = 0;
  bool grouped = false;
  std::string kept;
  for (size_t i = 0; i < whole; ++i) {
    if (digits[i] != mark) {
      since += IsDigit(digits[i]) ? 1 : 0;
      kept += digits[i];
      continue;
    }
    if (since == 0 || since > 3 || (grouped && since != 3)) return false;
    grouped = true;
    since = 0;
  }
  if (grouped && since != 3) return false;
  const std::string rest = digits.substr(whole);
  if (rest.find(mark) != std::string::npos) return false;
  digits = kept + rest;
  return true;
}

}  // namespace

std::string_view Trim(std::string_view text) {
  const auto is_blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool IsMissing(std::string_view cell) {
  const std::string_view text = Trim(cell);
  if (text.size() > 4) return false;
  char lower[4];
  std::transform(text.begin(), text.end(), lower,
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return std::find(std::begin(kMissing), std::end(kMissing), std::string_view(lower, text.size())) !=
         std::end(kMissing);
}

std::optional<double> ParseNumber(std::string_view cell, bool decimal_comma) {
  std::string_view text = Trim(cell);
  if (text.empty()) return std::nullopt;
  const bool bracketed = text.size() > 2 && text.front() == '(' && text.back() == ')';
  if (bracketed) text = Trim(text.substr(1, text.size() - 2));
  bool negative = bracketed;
  if (text.starts_with('-') || text.starts_with('+')) {
    negative ^= text.front() == '-';
    text.remove_prefix(1);
  }
  text = StripUnits(text);
  if (text.empty() || (!IsDigit(text.front()) && text.front() != '.' && text.front() != ',')) return std::nullopt;
  std::string digits(text);
  if (!RemoveGroups(digits, decimal_comma ? '.' : ',', decimal_comma ? ',' : '.')) return std::nullopt;
  if (decimal_comma) std::replace(digits.begin(), digits.end(), ',', '.');
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(number)) return std::nullopt;
  return negative ? -number : number;
}

}  // namespace embudo::scoring::ml
