#include "services/pipeline/logic/quote_totals.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>

#include "common/base/error.h"
#include "common/base/money.h"

namespace embudo::pipeline::logic {
namespace {

using google::type::Money;
using type::v1::Quote;
using type::v1::QuoteLine;

__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using): __extension__ takes no alias

constexpr int kMoneyScale = 9;  // google.type.Money holds billionths

/// digits / 10^scale.
struct Decimal {
  Int128 digits = 0;
  int scale = 0;
};

constexpr Int128 PowerOfTen(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

/// Without zeros at the end, so that products stay small.
Decimal Shortened(Decimal value) {
  if (value.digits == 0) return {};
  for (; value.scale > 0 && value.digits % 10 == 0; --value.scale) value.digits /= 10;
  return value;
}

/// Of digits with at most one point among them.
Decimal ParseDecimal(std::string_view text) {
  Decimal value;
  const size_t point = text.find('.');
  if (point != std::string_view::npos) value.scale = static_cast<int>(text.size() - point - 1);
  for (const char c : text) {
    if (c != '.') value.digits = value.digits * 10 + (c - '0');
  }
  return Shortened(value);
}

Decimal DecimalOf(const Money& money) {
  return Shortened({Int128{money.units()} * PowerOfTen(kMoneyScale) + money.nanos(), kMoneyScale});
}

std::optional<Decimal> Multiply(const Decimal& a, const Decimal& b) {
  Decimal product{0, a.scale + b.scale};
  if (__builtin_mul_overflow(a.digits, b.digits, &product.digits)) return std::nullopt;
  return product;
}

/// The value times 10^decimals as a whole number, half away from zero.
std::optional<Int128> Round(const Decimal& value, int decimals) {
  if (value.scale <= decimals) {
    Int128 whole = 0;
    if (__builtin_mul_overflow(value.digits, PowerOfTen(decimals - value.scale), &whole)) return std::nullopt;
    return whole;
  }
  const Int128 divisor = PowerOfTen(value.scale - decimals);
  const Int128 remainder = value.digits % divisor;
  const Int128 half = divisor / 2;
  const Int128 whole = value.digits / divisor;
  if (remainder >= half) return whole + 1;
  return remainder <= -half ? whole - 1 : whole;
}

/// How amounts of one currency are counted: in its smallest unit.
class Currency {
 public:
  explicit Currency(const std::string& code) : code_(code), decimals_(CurrencyDecimals(code)) {}

  int decimals() const { return decimals_; }
  /// False if it does not fit.
  bool ToMoney(Int128 amount, Money* money) const {
    const Int128 per_unit = PowerOfTen(decimals_);
    const Int128 units = amount / per_unit;
    if (units > std::numeric_limits<int64_t>::max() || units < std::numeric_limits<int64_t>::min()) return false;
    money->set_currency_code(code_);
    money->set_units(static_cast<int64_t>(units));
    money->set_nanos(static_cast<int32_t>((amount % per_unit) * PowerOfTen(kMoneyScale - decimals_)));
    return true;
  }

 private:
  const std::string& code_;
  const int decimals_;
};

std::string FieldOf(int line, const char* field) { return "quote.lines[" + std::to_string(line) + "]." + field; }

/// Brings the line's decimals into their shortest form, and checks their ranges.
absl::Status Normalise(int index, QuoteLine& line) {
  line.set_quantity(line.quantity().empty() ? "1" : ShortDecimal(line.quantity()));
  if (line.quantity() == "0") return InvalidField(FieldOf(index, "quantity"), "is not above 0");
  if (!line.discount_percent().empty()) line.set_discount_percent(ShortDecimal(line.discount_percent()));
  if (!line.tax_percent().empty()) line.set_tax_percent(ShortDecimal(line.tax_percent()));
  for (const auto& [field, text] :
       {std::pair("discount_percent", &line.discount_percent()), std::pair("tax_percent", &line.tax_percent())}) {
    const Decimal percent = ParseDecimal(*text);
    if (percent.digits > 100 * PowerOfTen(percent.scale)) {
      return InvalidField(FieldOf(index, field), *text + " is above 100");
    }
  }
  return absl::OkStatus();
}

std::optional<Int128> NetOf(const QuoteLine& line, int decimals) {
  const Decimal discount = ParseDecimal(line.discount_percent());
  const Decimal kept =
      Shortened({100 * PowerOfTen(discount.scale) - discount.digits, discount.scale + 2});  // 12.5 % → 0.875
  const auto gross = Multiply(ParseDecimal(line.quantity()), DecimalOf(line.unit_price()));
  if (!gross) return std::nullopt;
  const auto net = Multiply(Shortened(*gross), kept);
  return net ? Round(*net, decimals) : std::nullopt;
}

struct LessRate {
  bool operator()(const std::string& a, const std::string& b) const {
    const Decimal left = ParseDecimal(a);
    const Decimal right = ParseDecimal(b);
    return left.digits * PowerOfTen(right.scale) < right.digits * PowerOfTen(left.scale);
  }
};

absl::Status TooLarge(const std::string& field) { return InvalidField(field, "the amount is too large to be kept"); }

}  // namespace

absl::Status ComputeTotals(Quote& quote) {
  const Currency currency(quote.currency_code());
  Int128 net_total = 0;
  std::map<std::string, Int128, LessRate> base_of_rate;
  for (int i = 0; i < quote.lines_size(); ++i) {
    QuoteLine& line = *quote.mutable_lines(i);
    EMBUDO_RETURN_IF_ERROR(Normalise(i, line));
    const auto net = NetOf(line, currency.decimals());
    if (!net || !currency.ToMoney(*net, line.mutable_net_amount())) return TooLarge(FieldOf(i, "quantity"));
    net_total += *net;
    if (ParseDecimal(line.tax_percent()).digits != 0) base_of_rate[line.tax_percent()] += *net;
  }
  if (net_total < 0) return InvalidField("quote.lines", "their net total is negative");

  Int128 tax_total = 0;
  quote.clear_taxes();
  for (const auto& [rate, base] : base_of_rate) {
    auto& tax = *quote.add_taxes();
    tax.set_tax_percent(rate);
    const Decimal percent = ParseDecimal(rate);
    const auto product = Multiply({base, currency.decimals()}, {percent.digits, percent.scale + 2});
    const auto amount = product ? Round(*product, currency.decimals()) : std::nullopt;
    if (!amount || !currency.ToMoney(base, tax.mutable_base_amount()) ||
        !currency.ToMoney(*amount, tax.mutable_tax_amount())) {
      return TooLarge("quote.lines");
    }
    tax_total += *amount;
  }
  const bool kept = currency.ToMoney(net_total, quote.mutable_net_total()) &&
                    currency.ToMoney(tax_total, quote.mutable_tax_total()) &&
                    currency.ToMoney(net_total + tax_total, quote.mutable_total());
  return kept ? absl::OkStatus() : TooLarge("quote.lines");
}

std::string ShortDecimal(std::string_view decimal) {
  if (decimal.find('.') != std::string_view::npos) {
    decimal = decimal.substr(0, decimal.find_last_not_of('0') + 1);
    if (decimal.ends_with('.')) decimal.remove_suffix(1);
  }
  decimal.remove_prefix(std::min(decimal.find_first_not_of('0'), decimal.size()));
  const bool whole_part = !decimal.empty() && decimal.front() != '.';
  return (whole_part ? "" : "0") + std::string(decimal);
}

}  // namespace embudo::pipeline::logic
