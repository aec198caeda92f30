#include "services/pipeline/logic/quote_totals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "common/base/error.h"
#include "common/base/money.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Quote;

__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using): __extension__ takes no alias

struct Line {
  std::string quantity;
  std::string unit_price;
  std::string discount_percent;
  std::string tax_percent;
};

Quote QuoteOf(const std::string& currency, const std::vector<Line>& lines) {
  Quote quote;
  quote.set_currency_code(currency);
  for (const Line& line : lines) {
    auto& added = *quote.add_lines();
    added.set_quantity(line.quantity);
    *added.mutable_unit_price() = *MoneyFromNumeric(line.unit_price, currency);
    added.set_discount_percent(line.discount_percent);
    added.set_tax_percent(line.tax_percent);
  }
  return quote;
}

Quote Computed(Quote quote) {
  const absl::Status status = ComputeTotals(quote);
  EXPECT_TRUE(status.ok()) << status;
  return quote;
}

std::string Net(const Quote& quote, int line) { return ToNumeric(quote.lines(line).net_amount()); }

/// The one field that the computation refuses.
std::string BadField(Quote quote) {
  google::rpc::BadRequest bad;
  const google::rpc::Status details = ToRpcStatus(ComputeTotals(quote));
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&bad)) return bad.field_violations(0).field();
  }
  return "";
}

TEST(QuoteTotalsTest, SumsLinesAndTaxesByRate) {
  const Quote quote = Computed(QuoteOf(
      "EUR", {{"3", "19.99", "", "19"}, {"1", "100", "10", "7"}, {"2.5", "40", "0", "19.0"}, {"", "5.01", "", ""}}));
  EXPECT_EQ(Net(quote, 0), "59.97");
  EXPECT_EQ(Net(quote, 1), "90");
  EXPECT_EQ(Net(quote, 2), "100");
  EXPECT_EQ(Net(quote, 3), "5.01");
  EXPECT_EQ(quote.lines(3).quantity(), "1");
  EXPECT_EQ(ToNumeric(quote.net_total()), "254.98");
  ASSERT_EQ(quote.taxes_size(), 2);
  EXPECT_EQ(quote.taxes(0).tax_percent(), "7");
  EXPECT_EQ(ToNumeric(quote.taxes(0).base_amount()), "90");
  EXPECT_EQ(ToNumeric(quote.taxes(0).tax_amount()), "6.3");
  EXPECT_EQ(quote.taxes(1).tax_percent(), "19");
  EXPECT_EQ(ToNumeric(quote.taxes(1).base_amount()), "159.97");
  EXPECT_EQ(ToNumeric(quote.taxes(1).tax_amount()), "30.39");  // 30.3943
  EXPECT_EQ(ToNumeric(quote.tax_total()), "36.69");
  EXPECT_EQ(ToNumeric(quote.total()), "291.67");
  EXPECT_EQ(quote.total().currency_code(), "EUR");
}

TEST(QuoteTotalsTest, RoundsHalfAwayFromZeroOnce) {
  // 0.5 × 0.01 = 0.005; 3 × 0.335 = 1.005; 1.004999999 is below the half.
  const Quote quote = Computed(QuoteOf("EUR", {{"0.5", "0.01", "", ""},
                                               {"3", "0.335", "", ""},
                                               {"1", "1.004999999", "", ""},
                                               {"1", "10", "33.3333", ""},
                                               {"0.5", "-0.01", "", ""},
                                               {"1", "-1.004999999", "", ""}}));
  EXPECT_EQ(Net(quote, 0), "0.01");
  EXPECT_EQ(Net(quote, 1), "1.01");
  EXPECT_EQ(Net(quote, 2), "1");
  EXPECT_EQ(Net(quote, 3), "6.67");
  EXPECT_EQ(Net(quote, 4), "-0.01");
  EXPECT_EQ(Net(quote, 5), "-1");
  EXPECT_EQ(ToNumeric(quote.net_total()), "7.68");
}

TEST(QuoteTotalsTest, TaxIsRoundedOnTheSumNotPerLine) {
  // Each line's tax alone would be 0.0095 → 0.01, three of them 0.03; on the sum it is 0.0285.
  std::vector<Line> lines(3, {"1", "0.05", "", "19"});
  const Quote quote = Computed(QuoteOf("EUR", lines));
  EXPECT_EQ(ToNumeric(quote.tax_total()), "0.03");
  lines.resize(30, lines[0]);
  EXPECT_EQ(ToNumeric(Computed(QuoteOf("EUR", lines)).tax_total()), "0.29");  // not 0.30
}

TEST(QuoteTotalsTest, KnowsTheCurrencysSmallestUnit) {
  const Quote yen = Computed(QuoteOf("JPY", {{"1", "999", "50", "10"}, {"3", "33.5", "", "8"}}));
  EXPECT_EQ(Net(yen, 0), "500");                         // 499.5
  EXPECT_EQ(Net(yen, 1), "101");                         // 100.5
  EXPECT_EQ(ToNumeric(yen.taxes(0).tax_amount()), "8");  // 8.08
  EXPECT_EQ(ToNumeric(yen.total()), "659");              // 601 + 8 + 50

  const Quote dinars = Computed(QuoteOf("BHD", {{"3", "1.2345", "", "10"}}));
  EXPECT_EQ(Net(dinars, 0), "3.704");  // 3.7035
  EXPECT_EQ(ToNumeric(dinars.tax_total()), "0.37");
  EXPECT_EQ(ToNumeric(dinars.total()), "4.074");
}

TEST(QuoteTotalsTest, AQuoteWithoutLinesIsWorthNothing) {
  const Quote quote = Computed(QuoteOf("EUR", {}));
  EXPECT_EQ(ToNumeric(quote.total()), "0");
  EXPECT_EQ(quote.total().currency_code(), "EUR");
}

TEST(QuoteTotalsTest, AFullDiscountLeavesNothing) {
  EXPECT_EQ(Net(Computed(QuoteOf("EUR", {{"7", "123.45", "100", "19"}})), 0), "0");
}

TEST(QuoteTotalsTest, NamesWhatIsOutOfRange) {
  const Line good{"1", "1", "", ""};
  EXPECT_EQ(BadField(QuoteOf("EUR", {good, {"0", "1", "", ""}})), "quote.lines[1].quantity");
  EXPECT_EQ(BadField(QuoteOf("EUR", {good, {"0.000000", "1", "", ""}})), "quote.lines[1].quantity");
  EXPECT_EQ(BadField(QuoteOf("EUR", {{"1", "1", "100.01", ""}})), "quote.lines[0].discount_percent");
  EXPECT_EQ(BadField(QuoteOf("EUR", {{"1", "1", "", "100.0001"}})), "quote.lines[0].tax_percent");
  EXPECT_EQ(BadField(QuoteOf("EUR", {good, {"1", "-2", "", ""}})), "quote.lines");
}

TEST(QuoteTotalsTest, NamesWhatIsTooLarge) {
  const Line good{"1", "1", "", ""};
  EXPECT_EQ(BadField(QuoteOf("EUR", {good, good, {"999999999999", "9999999999", "", ""}})), "quote.lines[2].quantity");
  EXPECT_EQ(BadField(QuoteOf("EUR", {{"999999999999.999999", "9223372036854775807.999999999", "12.3456", ""}})),
            "quote.lines[0].quantity");
  const Line half{"1", "5000000000000000000", "", ""};
  EXPECT_EQ(BadField(QuoteOf("EUR", {half, half})), "quote.lines");
  EXPECT_EQ(BadField(QuoteOf("EUR", {{"1", "9000000000000000000", "", "50"}})), "quote.lines");
  // The largest that there is.
  EXPECT_EQ(Net(Computed(QuoteOf("EUR", {{"1", "9223372036854775807.99", "", ""}})), 0), "9223372036854775807.99");
}

/// A number as a fraction, for a computation in another way: nothing is shortened or rounded until the end.
struct Fraction {
  Int128 numerator;
  Int128 denominator;
};

/// `digits` / 10^`scale` as text.
std::string DecimalText(int64_t digits, int scale) {
  std::string text = std::to_string(digits);
  if (scale == 0) return text;
  if (text.size() <= static_cast<size_t>(scale)) text.insert(0, static_cast<size_t>(scale) + 1 - text.size(), '0');
  return text.insert(text.size() - static_cast<size_t>(scale), 1, '.');
}
int64_t Power(int exponent) {
  int64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

/// floor(2·|x|·10^decimals + 1) / 2
int64_t RoundInUnits(const Fraction& x, int decimals) {
  const Int128 size = x.numerator < 0 ? -x.numerator : x.numerator;
  const Int128 rounded = (2 * size * Power(decimals) + x.denominator) / (2 * x.denominator);
  return static_cast<int64_t>(x.numerator < 0 ? -rounded : rounded);
}

int64_t UnitsOf(const google::type::Money& money, int decimals) {
  return money.units() * Power(decimals) + money.nanos() / Power(9 - decimals);
}

TEST(QuoteTotalsTest, AgreesWithFractions) {
  std::mt19937 random(20260301);
  const auto draw = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int round = 0; round < 3000; ++round) {
    const std::string currency = std::vector<std::string>{"JPY", "EUR", "BHD"}[static_cast<size_t>(draw(0, 2))];
    const int decimals = CurrencyDecimals(currency);
    std::vector<Line> lines;
    std::vector<int64_t> nets;
    std::map<int64_t, int64_t> base_of_rate;  // by hundredths of a percent
    int64_t net_total = 0;
    for (int64_t i = draw(1, 6); i > 0; --i) {
      const int quantity_scale = static_cast<int>(draw(0, 3));
      const int price_scale = static_cast<int>(draw(0, 4));
      const int64_t quantity = draw(1, 99999);
      const int64_t price = draw(0, 9999999);
      const int64_t discount = draw(0, 10000);
      const int64_t tax = draw(0, 3) * 700;
      lines.push_back({DecimalText(quantity, quantity_scale), DecimalText(price, price_scale), DecimalText(discount, 2),
                       DecimalText(tax, 2)});
      const Fraction net{Int128{quantity} * price * (10000 - discount),
                         Int128{Power(quantity_scale)} * Power(price_scale) * 10000};
      nets.push_back(RoundInUnits(net, decimals));
      net_total += nets.back();
      if (tax > 0) base_of_rate[tax] += nets.back();
    }
    const Quote quote = Computed(QuoteOf(currency, lines));
    for (size_t i = 0; i < nets.size(); ++i) {
      ASSERT_EQ(UnitsOf(quote.lines(static_cast<int>(i)).net_amount(), decimals), nets[i])
          << currency << " " << quote.lines(static_cast<int>(i)).ShortDebugString();
    }
    ASSERT_EQ(static_cast<size_t>(quote.taxes_size()), base_of_rate.size());
    int64_t tax_total = 0;
    int index = 0;
    for (const auto& [rate, base] : base_of_rate) {
      const int64_t tax = RoundInUnits({Int128{base} * rate, Int128{10000} * Power(decimals)}, decimals);
      ASSERT_EQ(UnitsOf(quote.taxes(index).base_amount(), decimals), base);
      ASSERT_EQ(UnitsOf(quote.taxes(index++).tax_amount(), decimals), tax);
      tax_total += tax;
    }
    ASSERT_EQ(UnitsOf(quote.net_total(), decimals), net_total);
    ASSERT_EQ(UnitsOf(quote.tax_total(), decimals), tax_total);
    ASSERT_EQ(UnitsOf(quote.total(), decimals), net_total + tax_total);
  }
}

TEST(ShortDecimalTest, LeavesOutWhatSaysNothing) {
  EXPECT_EQ(ShortDecimal("2.50"), "2.5");
  EXPECT_EQ(ShortDecimal("007"), "7");
  EXPECT_EQ(ShortDecimal("100"), "100");
  EXPECT_EQ(ShortDecimal("0.000"), "0");
  EXPECT_EQ(ShortDecimal("00.10"), "0.1");
}

}  // namespace
}  // namespace embudo::pipeline::logic
