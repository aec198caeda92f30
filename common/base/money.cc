#include "common/base/money.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "common/base/error.h"

namespace embudo {
namespace {

using google::type::Money;

__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using): __extension__ takes no alias
constexpr int64_t kNanosPerUnit = 1'000'000'000;
constexpr size_t kFractionDigits = 9;

absl::Status NoAmount(std::string_view text) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_AMOUNT", "\"" + std::string(text) + "\" is not an amount")
      .Meta("text", text);
}

absl::Status OutOfRange() {
  return Error(absl::StatusCode::kInvalidArgument, "AMOUNT_OUT_OF_RANGE",
               "the amount has more than 19 digits before or 9 after the decimal point");
}

absl::Status CheckSameCurrency(const Money& a, const Money& b) {
  if (a.currency_code() == b.currency_code()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "CURRENCY_MISMATCH",
               a.currency_code() + " and " + b.currency_code() + " do not add or compare");
}

Int128 TotalNanos(const Money& money) { return Int128{money.units()} * kNanosPerUnit + money.nanos(); }

absl::StatusOr<Money> FromTotalNanos(Int128 nanos, std::string_view currency_code) {
  const Int128 units = nanos / kNanosPerUnit;
  if (units > std::numeric_limits<int64_t>::max() || units < std::numeric_limits<int64_t>::min()) return OutOfRange();
  Money money;
  money.set_currency_code(std::string(currency_code));
  money.set_units(static_cast<int64_t>(units));
  money.set_nanos(static_cast<int32_t>(nanos % kNanosPerUnit));
  return money;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }
bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }

/// `whole` and `fraction` are digits only.
absl::StatusOr<Int128> DigitsToNanos(std::string_view whole, std::string_view fraction) {
  whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size()));
  fraction = fraction.substr(0, fraction.find_last_not_of('0') + 1);
  if (whole.size() > 19 || fraction.size() > kFractionDigits) return OutOfRange();
  Int128 nanos = 0;
  for (const char c : whole) nanos = nanos * 10 + (c - '0');
  for (size_t i = 0; i < kFractionDigits; ++i) nanos = nanos * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  return nanos;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool TakeSuffix(std::string_view& text, std::string_view suffix) {
  if (text.size() < suffix.size() || text.substr(text.size() - suffix.size()) != suffix) return false;
  text.remove_suffix(suffix.size());
  return true;
}

constexpr std::array<std::string_view, 4> kSpaces = {" ", "\t", "\u00a0", "\u202f"};

void Trim(std::string_view& text) {
  const auto take = [&text](std::string_view space) { return TakePrefix(text, space) || TakeSuffix(text, space); };
  while (std::any_of(kSpaces.begin(), kSpaces.end(), take)) {
  }
}

struct Symbol {
  std::string_view text;
  std::string_view currency;
  /// Several currencies write it so: the currency that the caller expects goes before ours.
  bool shared;
};
// Longer ones first, since "R$" ends in "$".
constexpr std::array<Symbol, 14> kSymbols = {{{"US$", "USD", false},
                                              {"R$", "BRL", false},
                                              {"A$", "AUD", false},
                                              {"C$", "CAD", false},
                                              {"€", "EUR", false},
                                              {"£", "GBP", true},
                                              {"₹", "INR", false},
                                              {"₩", "KRW", false},
                                              {"₺", "TRY", false},
                                              {"zł", "PLN", false},
                                              {"Fr.", "CHF", false},
                                              {"$", "USD", true},
                                              {"¥", "JPY", true},
                                              {"kr", "SEK", true}}};

/// Cuts a currency code or symbol off either end of `text` and returns the currency; `expected` if there is none.
std::string_view TakeCurrency(std::string_view& text, std::string_view expected) {
  const auto is_code = [](std::string_view code) {
    return code.size() == 3 && std::all_of(code.begin(), code.end(), IsCapital);
  };
  // A fourth letter beside the three makes it a word, which is no currency.
  if (text.size() > 3 && is_code(text.substr(0, 3)) && !IsCapital(text[3]) && text[3] != '$') {
    const std::string_view code = text.substr(0, 3);
    text.remove_prefix(3);
    return code;
  }
  if (text.size() > 3 && is_code(text.substr(text.size() - 3)) && !IsCapital(text[text.size() - 4])) {
    const std::string_view code = text.substr(text.size() - 3);
    text.remove_suffix(3);
    return code;
  }
  for (const Symbol& symbol : kSymbols) {
    if (TakePrefix(text, symbol.text) || TakeSuffix(text, symbol.text)) {
      return symbol.shared && !expected.empty() ? expected : symbol.currency;
    }
  }
  return expected;
}

/// The character (or no-break space) at `at` if it may separate groups, and its length in bytes; 0 if it may not.
size_t GroupSeparatorLength(std::string_view text, size_t at, const NumberFormat& format) {
  if (format.grouping.find(text[at]) != std::string::npos) return 1;
  if (format.grouping.find(' ') == std::string::npos) return 0;
  for (const std::string_view space : kSpaces) {
    if (space.size() > 1 && text.substr(at, space.size()) == space) return space.size();
  }
  return 0;
}

/// The digits before the decimal sign, without separators. After the first group of 1–3 digits each has 3 (Indian
/// numbers: 2, and 3 in the last); nullopt if that does not hold, since then the sign was a decimal one.
std::optional<std::string> Ungroup(std::string_view text, const NumberFormat& format) {
  std::string digits;
  std::string_view separator;
  size_t group = 0;
  for (size_t at = 0; at < text.size();) {
    if (IsDigit(text[at])) {
      digits += text[at++];
      ++group;
      continue;
    }
    const size_t length = GroupSeparatorLength(text, at, format);
    const bool first = separator.empty();
    if (length == 0 || group == 0 || group > 3 || (!first && (group < 2 || text.substr(at, length) != separator))) {
      return std::nullopt;
    }
    separator = text.substr(at, length);
    at += length;
    group = 0;
  }
  if (!separator.empty() && group != 3) return std::nullopt;
  return digits;
}

std::string DigitsOf(Int128 number) {
  std::string digits;
  for (; number > 0; number /= 10) digits += static_cast<char>('0' + static_cast<int>(number % 10));
  std::reverse(digits.begin(), digits.end());
  return digits;
}

/// The product of two whole numbers in digits; as many digits as both have.
std::string MultiplyDigits(std::string_view a, std::string_view b) {
  std::string product(a.size() + b.size(), '0');
  for (size_t i = a.size(); i-- > 0;) {
    int carry = 0;
    for (size_t j = b.size(); j-- > 0;) {
      const int sum = (product[i + j + 1] - '0') + (a[i] - '0') * (b[j] - '0') + carry;
      product[i + j + 1] = static_cast<char>('0' + sum % 10);
      carry = sum / 10;
    }
    product[i] = static_cast<char>('0' + carry);
  }
  return product;
}

enum class Sign { kNone, kPlus, kMinus };

/// Cuts a sign off `text`: `-5`, `5-`, `(5)`, `+5`.
Sign TakeSign(std::string_view& text) {
  Sign sign = Sign::kNone;
  if (text.size() > 2 && text.front() == '(' && text.back() == ')') {
    text = text.substr(1, text.size() - 2);
    sign = Sign::kMinus;
  } else if (TakePrefix(text, "-") || TakePrefix(text, "−") || TakeSuffix(text, "-")) {
    sign = Sign::kMinus;
  } else if (TakePrefix(text, "+")) {
    sign = Sign::kPlus;
  }
  Trim(text);
  return sign;
}

}  // namespace

absl::StatusOr<Money> ParseMoney(std::string_view text, std::string_view currency_code, const NumberFormat& format) {
  std::string_view rest = text;
  Trim(rest);
  const Sign outer = TakeSign(rest);
  const std::string_view currency = TakeCurrency(rest, currency_code);
  Trim(rest);
  const Sign inner = TakeSign(rest);  // $-5 has its sign inside
  if (outer != Sign::kNone && inner != Sign::kNone) return NoAmount(text);

  const size_t point = rest.find(format.decimal);
  const std::optional<std::string> whole = Ungroup(rest.substr(0, point), format);
  const std::string_view fraction = point == std::string_view::npos ? "" : rest.substr(point + 1);
  if (!whole || (whole->empty() && fraction.empty()) || !IsDigits(fraction)) return NoAmount(text);
  EMBUDO_ASSIGN_OR_RETURN(const Int128 nanos, DigitsToNanos(*whole, fraction));
  const bool negative = outer == Sign::kMinus || inner == Sign::kMinus;
  return FromTotalNanos(negative ? -nanos : nanos, currency);
}

absl::StatusOr<Money> MoneyFromNumeric(std::string_view text, std::string_view currency_code) {
  std::string_view rest = text;
  const bool negative = TakePrefix(rest, "-");
  const size_t point = std::min(rest.find('.'), rest.size());
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point < rest.size() ? rest.substr(point + 1) : "";
  if ((whole.empty() && fraction.empty()) || !IsDigits(whole) || !IsDigits(fraction)) return NoAmount(text);
  EMBUDO_ASSIGN_OR_RETURN(const Int128 nanos, DigitsToNanos(whole, fraction));
  return FromTotalNanos(negative ? -nanos : nanos, currency_code);
}

std::string ToNumeric(const Money& money) {
  // Units and nanos have one sign; -0.5 has it in nanos alone.
  const bool negative = money.units() < 0 || money.nanos() < 0;
  std::string text = std::to_string(money.units());
  if (negative && money.units() == 0) text.insert(0, 1, '-');
  if (money.nanos() != 0) {
    std::string fraction = std::to_string(std::abs(money.nanos()));
    fraction.insert(0, kFractionDigits - std::min(kFractionDigits, fraction.size()), '0');
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += '.' + fraction;
  }
  return text;
}

absl::Status CheckMoney(const Money& money) {
  const int64_t nanos = money.nanos();
  if (nanos <= -kNanosPerUnit || nanos >= kNanosPerUnit) return InvalidField("nanos", "is not within ±999,999,999");
  if ((money.units() > 0 && nanos < 0) || (money.units() < 0 && nanos > 0)) {
    return InvalidField("nanos", "has another sign than units");
  }
  const std::string& code = money.currency_code();
  if (!code.empty() && (code.size() != 3 || !std::all_of(code.begin(), code.end(), IsCapital))) {
    return InvalidField("currency_code", "is not three capital letters (ISO 4217)");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CompareMoney(const Money& a, const Money& b) {
  EMBUDO_RETURN_IF_ERROR(CheckSameCurrency(a, b));
  const Int128 left = TotalNanos(a);
  const Int128 right = TotalNanos(b);
  return left < right ? -1 : (left > right ? 1 : 0);
}

absl::StatusOr<Money> AddMoney(const Money& a, const Money& b) {
  EMBUDO_RETURN_IF_ERROR(CheckSameCurrency(a, b));
  return FromTotalNanos(TotalNanos(a) + TotalNanos(b), a.currency_code());
}

absl::StatusOr<Money> MultiplyMoney(const Money& money, int64_t factor) {
  // Nanos times factor fits 128 bits only if the amount is split: 2^63 · 10^9 · 2^63 would not.
  Int128 units = Int128{money.units()} * factor;
  Int128 nanos = Int128{money.nanos()} * factor;
  units += nanos / kNanosPerUnit;
  nanos %= kNanosPerUnit;
  if (units > std::numeric_limits<int64_t>::max() || units < std::numeric_limits<int64_t>::min()) return OutOfRange();
  return FromTotalNanos(units * kNanosPerUnit + nanos, money.currency_code());
}

absl::StatusOr<Money> ScaleMoney(const Money& money, std::string_view decimal) {
  EMBUDO_ASSIGN_OR_RETURN(const Money factor, MoneyFromNumeric(decimal, ""));
  // The factor's nanos without their trailing zeros, so that the product stays small.
  Int128 numerator = TotalNanos(factor);
  Int128 denominator = kNanosPerUnit;
  while (denominator > 1 && numerator % 10 == 0) {
    numerator /= 10;
    denominator /= 10;
  }
  Int128 product = 0;
  if (__builtin_mul_overflow(TotalNanos(money), numerator, &product) || product % denominator != 0) return OutOfRange();
  return FromTotalNanos(product / denominator, money.currency_code());
}

bool IsZero(const Money& money) { return money.units() == 0 && money.nanos() == 0; }

absl::StatusOr<Money> ConvertMoney(const Money& money, std::string_view rate, std::string_view currency_code) {
  const size_t point = std::min(rate.find('.'), rate.size());
  std::string factor(rate.substr(0, point));
  const std::string_view fraction = point < rate.size() ? rate.substr(point + 1) : "";
  factor += fraction;
  if (factor.empty() || !IsDigits(factor)) return NoAmount(rate);

  const Int128 nanos = TotalNanos(money);
  std::string product = MultiplyDigits(DigitsOf(nanos < 0 ? -nanos : nanos), factor);
  const int decimals = CurrencyDecimals(currency_code);
  const size_t dropped = kFractionDigits + fraction.size() - static_cast<size_t>(decimals);
  product.insert(0, dropped + 1 - std::min(dropped + 1, product.size()), '0');
  const bool up = product[product.size() - dropped] >= '5';
  product.resize(product.size() - dropped);
  product.erase(0, std::min(product.find_first_not_of('0'), product.size()));
  if (product.size() > 19 + static_cast<size_t>(decimals)) return OutOfRange();
  Int128 smallest = 0;
  for (const char c : product) smallest = smallest * 10 + (c - '0');
  if (up) ++smallest;
  for (size_t i = static_cast<size_t>(decimals); i < kFractionDigits; ++i) smallest *= 10;
  return FromTotalNanos(nanos < 0 ? -smallest : smallest, currency_code);
}

int CurrencyDecimals(std::string_view currency_code) {
  static constexpr std::array<std::string_view, 17> kNone = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY",
                                                             "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
                                                             "VND", "VUV", "XAF", "XOF", "XPF"};
  static constexpr std::array<std::string_view, 7> kThree = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"};
  static constexpr std::array<std::string_view, 2> kFour = {"CLF", "UYW"};
  const auto is_in = [&](const auto& codes) {
    return std::find(codes.begin(), codes.end(), currency_code) != codes.end();
  };
  if (is_in(kNone)) return 0;
  if (is_in(kThree)) return 3;
  return is_in(kFour) ? 4 : 2;
}

}  // namespace embudo
