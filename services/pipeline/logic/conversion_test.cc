#include "services/pipeline/logic/conversion.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/pipeline/logic/money_rules.h"

namespace embudo::pipeline::logic {
namespace {

using google::type::Money;
using type::v1::ExchangeRate;
using type::v1::Lead;
using type::v1::Target;
using namespace std::chrono_literals;

Day MakeDay(int year, unsigned month, unsigned day) {
  return Day(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
}

Money Make(int64_t units, const std::string& currency, int32_t nanos = 0) {
  Money money;
  money.set_units(units);
  money.set_nanos(nanos);
  money.set_currency_code(currency);
  return money;
}

std::string Shown(const Money& money) { return ToNumeric(money) + money.currency_code(); }

class ConversionTest : public ::testing::Test {
 protected:
  ConversionTest() {
    catalog_.tenant.set_currency_code("USD");
    catalog_.tenant.set_time_zone("America/New_York");
    catalog_.exchange_rates["EUR"] = {{MakeDay(2026, 1, 1), "1.10"}, {MakeDay(2026, 3, 1), "1.20"}};
  }
  absl::Status Convert(const Lead* before = nullptr) {
    return ConvertAmounts({catalog_, now_, "users/a", origin_}, before, lead_);
  }

  Catalog catalog_;
  Time now_ = MakeDay(2026, 2, 10) + 12h;
  type::v1::Origin origin_ = type::v1::ORIGIN_API;
  Lead lead_;
};

TEST_F(ConversionTest, TheRateOfTheDayCounts) {
  *lead_.mutable_budget() = Make(50, "USD");
  *lead_.mutable_expected_revenue() = Make(100, "EUR");
  *lead_.mutable_recurring_revenue() = Make(0, "EUR", 5'000'000);
  ASSERT_TRUE(Convert().ok());
  EXPECT_EQ(Shown(lead_.converted_budget()), "50USD");
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "110USD");
  EXPECT_EQ(Shown(lead_.converted_recurring_revenue()), "0.01USD");

  // The tenant's day, which began five hours after UTC's.
  Lead before = lead_;
  *lead_.mutable_expected_revenue() = Make(200, "EUR");
  now_ = MakeDay(2026, 3, 1) + 4h;
  ASSERT_TRUE(Convert(&before).ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "220USD");
  *lead_.mutable_expected_revenue() = Make(300, "EUR");
  now_ += 1h;
  ASSERT_TRUE(Convert(&before).ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "360USD");
}

TEST_F(ConversionTest, WhatIsNotWrittenAgainKeepsItsRate) {
  *lead_.mutable_budget() = Make(100, "EUR");
  *lead_.mutable_expected_revenue() = Make(100, "EUR");
  ASSERT_TRUE(Convert().ok());
  Lead before = lead_;
  now_ = MakeDay(2026, 4, 1) + 12h;
  ASSERT_TRUE(Convert(&before).ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "110USD");

  // Until the deal closes; its budget never was what it brings.
  *lead_.mutable_close_time() = ToTimestamp(now_);
  ASSERT_TRUE(Convert(&before).ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "120USD");
  EXPECT_EQ(Shown(lead_.converted_budget()), "110USD");

  // Rates that are gone stand in the way of new amounts only.
  catalog_.exchange_rates.clear();
  before = lead_;
  *lead_.mutable_close_time() = ToTimestamp(now_ + 24h);
  ASSERT_TRUE(Convert(&before).ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "120USD");
  lead_.clear_expected_revenue();
  ASSERT_TRUE(Convert(&before).ok());
  EXPECT_FALSE(lead_.has_converted_expected_revenue());
}

TEST_F(ConversionTest, ClosedAndImportedDealsHaveTheRateOfTheirTime) {
  now_ = MakeDay(2026, 6, 1) + 12h;
  *lead_.mutable_expected_revenue() = Make(100, "EUR");
  *lead_.mutable_open_time() = ToTimestamp(MakeDay(2026, 1, 5) + 12h);
  ASSERT_TRUE(Convert().ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "120USD");
  origin_ = type::v1::ORIGIN_IMPORT;
  ASSERT_TRUE(Convert().ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "110USD");
  *lead_.mutable_close_time() = ToTimestamp(MakeDay(2026, 3, 5) + 12h);
  ASSERT_TRUE(Convert().ok());
  EXPECT_EQ(Shown(lead_.converted_expected_revenue()), "120USD");
  *lead_.mutable_close_time() = ToTimestamp(MakeDay(2025, 12, 31) + 12h);
  EXPECT_EQ(MessageOf(Convert()), "lead.expected_revenue: there is no exchange rate of EUR to USD on 2025-12-31");
}

TEST_F(ConversionTest, AMissingRateIsNamed) {
  *lead_.mutable_budget() = Make(1, "CHF");
  EXPECT_EQ(MessageOf(Convert()), "lead.budget: there is no exchange rate of CHF to USD on 2026-02-10");
  catalog_.exchange_rates["CHF"] = {{MakeDay(2026, 2, 11), "1.1"}};
  EXPECT_FALSE(Convert().ok());
  *lead_.mutable_budget() = Make(9'223'372'036'854'775'807, "EUR");
  EXPECT_EQ(MessageOf(Convert()), "lead.budget: is out of range in USD");
}

TEST_F(ConversionTest, ARateIsOfAnotherCurrencyAndOneADay) {
  ExchangeRate rate;
  rate.set_currency_code("EUR");
  rate.set_rate("1.15");
  *rate.mutable_start_date() = ToDate(MakeDay(2026, 1, 2));
  const auto check = [&](const ExchangeRate* before = nullptr) { return CheckExchangeRate(catalog_, before, rate); };
  EXPECT_TRUE(check().ok());
  *rate.mutable_start_date() = ToDate(MakeDay(2026, 1, 1));
  EXPECT_EQ(check().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(MessageOf(check()), "EUR has a rate from 2026-01-01 already");
  EXPECT_TRUE(check(&rate).ok());
  rate.set_rate("0.00");
  EXPECT_EQ(MessageOf(check(&rate)), "exchange_rate.rate: is zero");
  rate.set_rate("1");
  rate.set_currency_code("USD");
  EXPECT_EQ(MessageOf(check()), "exchange_rate.currency_code: USD is the tenant's own currency and needs no rate");
}

TEST_F(ConversionTest, ATargetIsOfOneAndOfAWholePeriod) {
  Target target;
  target.set_team("teams/a");
  target.set_period(Target::PERIOD_QUARTER);
  *target.mutable_start_date() = ToDate(MakeDay(2026, 4, 1));
  *target.mutable_amount() = Make(1000, "");
  const auto said = [&] { return MessageOf(PrepareTarget(catalog_, target)); };
  EXPECT_EQ(said(), "");
  EXPECT_EQ(Shown(target.amount()), "1000USD");
  *target.mutable_start_date() = ToDate(MakeDay(2026, 5, 1));
  EXPECT_EQ(said(), "target.start_date: is not the first day of a quarter");
  target.set_period(Target::PERIOD_MONTH);
  EXPECT_EQ(said(), "");
  *target.mutable_start_date() = ToDate(MakeDay(2026, 5, 2));
  EXPECT_EQ(said(), "target.start_date: is not the first day of a month");
  *target.mutable_start_date() = ToDate(MakeDay(2026, 5, 1));
  *target.mutable_amount() = Make(1000, "EUR");
  EXPECT_EQ(said(), "target.amount: is in EUR, targets are in USD");
  for (const int64_t units : {0, -1}) {
    *target.mutable_amount() = Make(units, "USD");
    EXPECT_EQ(said(), "target.amount: is not above zero");
  }
  *target.mutable_amount() = Make(1, "USD");
  target.set_user("users/a");
  EXPECT_EQ(said(), "target.team: a target is of either a team or a user");
  target.clear_team();
  EXPECT_EQ(said(), "");
  target.clear_user();
  EXPECT_EQ(said(), "target.team: a target is of either a team or a user");
}

}  // namespace
}  // namespace embudo::pipeline::logic
