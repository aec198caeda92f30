#include "common/base/money.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/base/error.h"

namespace embudo {
namespace {

using google::type::Money;

Money Make(int64_t units, int32_t nanos = 0, const std::string& currency = "USD") {
  Money money;
  money.set_units(units);
  money.set_nanos(nanos);
  money.set_currency_code(currency);
  return money;
}

/// `-12.5 USD`, or the reason of the error.
std::string Text(const absl::StatusOr<Money>& money) {
  if (!money.ok()) return ReasonOf(money.status());
  return ToNumeric(*money) + " " + money->currency_code();
}

TEST(MoneyTest, ParsesThePlainForm) {
  EXPECT_EQ(Text(ParseMoney("10005534", "USD")), "10005534 USD");
  EXPECT_EQ(Text(ParseMoney("1234.56", "USD")), "1234.56 USD");
  EXPECT_EQ(Text(ParseMoney("-0.5", "USD")), "-0.5 USD");
  EXPECT_EQ(Text(ParseMoney("+7", "USD")), "7 USD");
  EXPECT_EQ(Text(ParseMoney("(12.50)", "USD")), "-12.5 USD");
  EXPECT_EQ(Text(ParseMoney(" 00042.10 ", "EUR")), "42.1 EUR");
  EXPECT_EQ(Text(ParseMoney(".25", "")), "0.25 ");
  EXPECT_EQ(Text(ParseMoney("3.", "USD")), "3 USD");
  EXPECT_EQ(Text(ParseMoney("0.000000001", "USD")), "0.000000001 USD");
}

TEST(MoneyTest, GroupsNeedAFormat) {
  EXPECT_EQ(Text(ParseMoney("1,234.56", "USD")), "INVALID_AMOUNT");
  EXPECT_EQ(Text(ParseMoney("1,234.56", "USD", EnglishNumbers())), "1234.56 USD");
  EXPECT_EQ(Text(ParseMoney("1.234,56", "EUR", GermanNumbers())), "1234.56 EUR");
  EXPECT_EQ(Text(ParseMoney("12,34,567.5", "INR", EnglishNumbers())), "1234567.5 INR");
  EXPECT_EQ(Text(ParseMoney("1 234 567,89", "EUR", {',', " "})), "1234567.89 EUR");
  EXPECT_EQ(Text(ParseMoney("1\u202f234,5", "EUR", {',', " "})), "1234.5 EUR");
  EXPECT_EQ(Text(ParseMoney("1'234.50", "CHF", {'.', "'"})), "1234.5 CHF");
}

TEST(MoneyTest, ADecimalSignTakenForAGroupIsRefused) {
  EXPECT_EQ(Text(ParseMoney("12,5", "USD", EnglishNumbers())), "INVALID_AMOUNT");
  EXPECT_EQ(Text(ParseMoney("1234,567", "USD", EnglishNumbers())), "INVALID_AMOUNT");
  EXPECT_EQ(Text(ParseMoney("1.23", "EUR", GermanNumbers())), "INVALID_AMOUNT");
  EXPECT_EQ(Text(ParseMoney("1,234,56", "USD", EnglishNumbers())), "INVALID_AMOUNT");
  EXPECT_EQ(Text(ParseMoney("1,23'456", "USD", {'.', ",'"})), "INVALID_AMOUNT");
}

TEST(MoneyTest, TakesCurrencyCodesAndSymbols) {
  EXPECT_EQ(Text(ParseMoney("$1,234.56", "", EnglishNumbers())), "1234.56 USD");
  EXPECT_EQ(Text(ParseMoney("$5", "CAD")), "5 CAD");
  EXPECT_EQ(Text(ParseMoney("US$5", "CAD")), "5 USD");
  EXPECT_EQ(Text(ParseMoney("-$5", "USD")), "-5 USD");
  EXPECT_EQ(Text(ParseMoney("$-5", "USD")), "-5 USD");
  EXPECT_EQ(Text(ParseMoney("($5)", "USD")), "-5 USD");
  EXPECT_EQ(Text(ParseMoney("€ 12", "USD")), "12 EUR");
  EXPECT_EQ(Text(ParseMoney("12,50 €", "USD", GermanNumbers())), "12.5 EUR");
  EXPECT_EQ(Text(ParseMoney("EUR 12", "USD")), "12 EUR");
  EXPECT_EQ(Text(ParseMoney("12\u00a0CHF", "USD")), "12 CHF");
  EXPECT_EQ(Text(ParseMoney("R$ 99.90", "USD")), "99.9 BRL");
  EXPECT_EQ(Text(ParseMoney("500 kr", "NOK")), "500 NOK");
}

TEST(MoneyTest, RefusesWhatIsNoAmount) {
  for (const char* text : {"", " ", "-", "$", "abc", "12a", "1.2.3", "1e5", "--5", "-$-5", "+-5", "USDX 5", "NaN",
                           "1 2", "0x10", ",", ".", "EUR", "١٢"}) {
    EXPECT_EQ(Text(ParseMoney(text, "USD")), "INVALID_AMOUNT") << text;
  }
  EXPECT_EQ(MessageOf(ParseMoney("12a", "USD").status()), "\"12a\" is not an amount");
}

TEST(MoneyTest, WhatDoesNotFitIsAnError) {
  EXPECT_EQ(Text(ParseMoney("9223372036854775807.999999999", "USD")), "9223372036854775807.999999999 USD");
  EXPECT_EQ(Text(ParseMoney("-9223372036854775808", "USD")), "-9223372036854775808 USD");
  EXPECT_EQ(Text(ParseMoney("9223372036854775808", "USD")), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(ParseMoney("100000000000000000000", "USD")), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(ParseMoney("0.0000000001", "USD")), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(ParseMoney("0.50000000000000", "USD")), "0.5 USD");
}

TEST(MoneyTest, NumericTextGoesBothWays) {
  for (const char* text : {"0", "1", "-1", "0.5", "-0.5", "1234.56", "-1234.000000001", "9223372036854775807"}) {
    EXPECT_EQ(Text(MoneyFromNumeric(text, "USD")), std::string(text) + " USD");
  }
  EXPECT_EQ(Text(MoneyFromNumeric("1234.5600", "USD")), "1234.56 USD");
  EXPECT_EQ(Text(MoneyFromNumeric("NaN", "USD")), "INVALID_AMOUNT");
  EXPECT_EQ(Text(MoneyFromNumeric("Infinity", "USD")), "INVALID_AMOUNT");
  EXPECT_EQ(Text(MoneyFromNumeric("", "USD")), "INVALID_AMOUNT");
  EXPECT_EQ(Text(MoneyFromNumeric("1,5", "USD")), "INVALID_AMOUNT");
  EXPECT_EQ(MoneyFromNumeric("-0.25", "USD")->nanos(), -250'000'000);
}

TEST(MoneyTest, Compares) {
  EXPECT_EQ(*CompareMoney(Make(1), Make(2)), -1);
  EXPECT_EQ(*CompareMoney(Make(2), Make(1, 999'999'999)), 1);
  EXPECT_EQ(*CompareMoney(Make(-1, -500'000'000), Make(-1)), -1);
  EXPECT_EQ(*CompareMoney(Make(0), Make(0)), 0);
  EXPECT_EQ(ReasonOf(CompareMoney(Make(1), Make(1, 0, "EUR")).status()), "CURRENCY_MISMATCH");
}

TEST(MoneyTest, AddsAndMultipliesExactly) {
  EXPECT_EQ(Text(AddMoney(Make(0, 100'000'000), Make(0, 200'000'000))), "0.3 USD");
  EXPECT_EQ(Text(AddMoney(Make(1, 500'000'000), Make(-2))), "-0.5 USD");
  EXPECT_EQ(Text(AddMoney(Make(std::numeric_limits<int64_t>::max()), Make(1))), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(AddMoney(Make(1), Make(1, 0, "EUR"))), "CURRENCY_MISMATCH");

  EXPECT_EQ(Text(MultiplyMoney(Make(19, 990'000'000), 3)), "59.97 USD");
  EXPECT_EQ(Text(MultiplyMoney(Make(19, 990'000'000), -100)), "-1999 USD");
  EXPECT_EQ(Text(MultiplyMoney(Make(5), 0)), "0 USD");
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Text(MultiplyMoney(Make(max), 2)), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(MultiplyMoney(Make(max, 999'999'999), max)), "AMOUNT_OUT_OF_RANGE");
}

TEST(MoneyTest, ScalesByADecimal) {
  EXPECT_EQ(Text(ScaleMoney(Make(1100, 40'000'000), "1000000")), "1100040000 USD");
  EXPECT_EQ(Text(ScaleMoney(Make(12345), "0.01")), "123.45 USD");
  EXPECT_EQ(Text(ScaleMoney(Make(-3), "1.5")), "-4.5 USD");
  EXPECT_EQ(Text(ScaleMoney(Make(5), "0")), "0 USD");
  EXPECT_EQ(Text(ScaleMoney(Make(0, 1), "0.1")), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(ScaleMoney(Make(std::numeric_limits<int64_t>::max()), "1000000")), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(Text(ScaleMoney(Make(1), "million")), "INVALID_AMOUNT");
}

TEST(MoneyTest, ChecksTheRulesOfItsType) {
  EXPECT_TRUE(CheckMoney(Make(5, 5)).ok());
  EXPECT_TRUE(CheckMoney(Make(5, 0, "")).ok());
  EXPECT_FALSE(CheckMoney(Make(5, -5)).ok());
  EXPECT_FALSE(CheckMoney(Make(-5, 5)).ok());
  EXPECT_FALSE(CheckMoney(Make(0, 1'000'000'000)).ok());
  EXPECT_FALSE(CheckMoney(Make(5, 0, "usd")).ok());
  EXPECT_TRUE(IsZero(Make(0)));
  EXPECT_FALSE(IsZero(Make(0, 1)));
}

TEST(MoneyTest, CurrenciesHaveTheirSmallestUnit) {
  EXPECT_EQ(CurrencyDecimals("EUR"), 2);
  EXPECT_EQ(CurrencyDecimals("JPY"), 0);
  EXPECT_EQ(CurrencyDecimals("BHD"), 3);
  EXPECT_EQ(CurrencyDecimals("CLF"), 4);
  EXPECT_EQ(CurrencyDecimals(""), 2);
}

TEST(MoneyTest, ConvertsExactlyAndRoundsHalfAwayFromZero) {
  const auto convert = [](const Money& money, const char* rate, const char* currency) {
    const auto converted = ConvertMoney(money, rate, currency);
    return converted.ok() ? ToNumeric(*converted) + converted->currency_code() : ReasonOf(converted.status());
  };
  EXPECT_EQ(convert(Make(100, 0), "1.0837", "USD"), "108.37USD");
  EXPECT_EQ(convert(Make(1, 5'000'000), "1", "USD"), "1.01USD");
  EXPECT_EQ(convert(Make(-1, -5'000'000), "1", "USD"), "-1.01USD");
  EXPECT_EQ(convert(Make(1, 4'999'999), "1", "USD"), "1USD");
  EXPECT_EQ(convert(Make(0, 999'999'999), "1", "USD"), "1USD");
  EXPECT_EQ(convert(Make(0, 1), "0.000000000001", "USD"), "0USD");
  EXPECT_EQ(convert(Make(0, 0), "1.5", "USD"), "0USD");
  EXPECT_EQ(convert(Make(10, 0), "157.25", "JPY"), "1573JPY");
  EXPECT_EQ(convert(Make(10, 0), "0.30765", "BHD"), "3.077BHD");
  // Neither factor fits a double.
  EXPECT_EQ(convert(Make(9'007'199'254'740'993, 10'000'000), "100.000000000001", "EUR"), "900719925474108308.2EUR");
  EXPECT_EQ(convert(Make(9'223'372'036'854'775'807, 0), "1", "EUR"), "9223372036854775807EUR");
  EXPECT_EQ(convert(Make(9'223'372'036'854'775'807, 0), "2", "EUR"), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(convert(Make(9'223'372'036'854'775'807, 0), "999999999.999999999999", "EUR"), "AMOUNT_OUT_OF_RANGE");
  EXPECT_EQ(convert(Make(1, 0), "", "EUR"), "INVALID_AMOUNT");
  EXPECT_EQ(convert(Make(1, 0), "1e3", "EUR"), "INVALID_AMOUNT");
}

}  // namespace
}  // namespace embudo
