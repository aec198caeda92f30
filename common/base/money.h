#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/type/money.pb.h"

namespace embudo {

/// Exact decimal arithmetic on google.type.Money: 19 digits of units, 9 of a fraction, never floating point. What does
/// not fit is an error (INVALID_ARGUMENT, reason AMOUNT_OUT_OF_RANGE), never rounded away.

/// How a number is written. The default is the plain form: digits, '.', digits.
struct NumberFormat {
  char decimal = '.';
  /// The characters that may stand between groups of digits; a space stands for the no-break spaces too.
  std::string grouping;
};
/// `1,234.56`
inline NumberFormat EnglishNumbers() { return {'.', ","}; }
/// `1.234,56`
inline NumberFormat GermanNumbers() { return {',', "."}; }

/// Parses an amount as people and exports write it: `10005534`, `-12.50`, `(12.50)` (negative), with a currency code or
/// symbol before or after it (`$1,234.56`, `EUR 12`, `12 €`). A code, or a symbol that only one currency has, decides
/// the currency; `$`, `¥` and `kr` are taken as `currency_code` where that is given, else as USD, JPY, SEK.
/// INVALID_ARGUMENT, reason INVALID_AMOUNT, if it is no amount.
absl::StatusOr<google::type::Money> ParseMoney(std::string_view text, std::string_view currency_code,
                                               const NumberFormat& format = {});

/// From the text of a PostgreSQL numeric: the plain form only. NaN and infinities are errors.
absl::StatusOr<google::type::Money> MoneyFromNumeric(std::string_view text, std::string_view currency_code);
/// The plain decimal text, the shortest that is exact: `1234.56`, `-0.5`, `0`. PostgreSQL reads it as numeric.
std::string ToNumeric(const google::type::Money& money);

/// INVALID_ARGUMENT if `money` breaks the rules of its type: nanos out of range or of another sign than units, or a
/// currency code that is neither empty nor three capital letters.
absl::Status CheckMoney(const google::type::Money& money);

/// Negative, zero or positive as a < b, a == b, a > b. INVALID_ARGUMENT, reason CURRENCY_MISMATCH, across currencies.
absl::StatusOr<int> CompareMoney(const google::type::Money& a, const google::type::Money& b);
/// CURRENCY_MISMATCH or AMOUNT_OUT_OF_RANGE on failure.
absl::StatusOr<google::type::Money> AddMoney(const google::type::Money& a, const google::type::Money& b);
absl::StatusOr<google::type::Money> MultiplyMoney(const google::type::Money& money, int64_t factor);
/// Times a plain decimal (`1000000`, `0.01`). AMOUNT_OUT_OF_RANGE where the exact product does not fit.
absl::StatusOr<google::type::Money> ScaleMoney(const google::type::Money& money, std::string_view decimal);
bool IsZero(const google::type::Money& money);
/// Times a plain decimal (`0.0123`, of any length), rounded half away from zero to the smallest unit of
/// `currency_code`, which the result is in.
absl::StatusOr<google::type::Money> ConvertMoney(const google::type::Money& money, std::string_view rate,
                                                 std::string_view currency_code);
/// Decimal places of a currency's smallest unit (ISO 4217): 2 for EUR, 0 for JPY, 3 for BHD; 2 for unknown ones.
int CurrencyDecimals(std::string_view currency_code);

}  // namespace embudo
