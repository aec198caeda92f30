#include "common/filter/literal.h"

#include <gtest/gtest.h>

namespace embudo::filter {
namespace {

std::string Shown(std::string_view text) {
  const auto decimal = ParseDecimal(text);
  return decimal ? decimal->ToString() : "none";
}

TEST(Literal, DecimalsAreExact) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"10000", "10000"},
      {"007", "7"},
      {"2.50", "2.5"},
      {"-12.5", "-12.5"},
      {"-0.5", "-0.5"},
      {"0.000000001", "0.000000001"},
      {"0.1", "0.1"},
      {"1e6", "1000000"},
      {"1.5E+3", "1500"},
      {"2500e-3", "2.5"},
      {"1.10000000000000000", "1.1"},
      {"0e400", "0"},
      {"9223372036854775807.999999999", "9223372036854775807.999999999"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808", "none"},
      {"0.0000000001", "none"},
      {"1e-10", "none"},
      {"1e400", "none"},
      {"1e401", "none"},
      {"1e99999999999", "none"},
      {"", "none"},
      {"-", "none"},
      {".5", "none"},
      {"5.", "none"},
      {"+5", "none"},
      {"1e", "none"},
      {"1,000", "none"},
      {"1 ", "none"},
      {"0x10", "none"},
      {"nan", "none"},
      {"inf", "none"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(Shown(text), want) << text;
}

TEST(Literal, DecimalsCompareBySignAndParts) {
  const std::string_view ascending[] = {"-2", "-1.5",        "-1.000000001", "-1", "-0.5",
                                        "0",  "0.000000001", "0.5",          "1",  "1.5"};
  for (size_t i = 0; i + 1 < std::size(ascending); ++i) {
    EXPECT_LT(*ParseDecimal(ascending[i]), *ParseDecimal(ascending[i + 1])) << ascending[i];
  }
  EXPECT_EQ(*ParseDecimal("1.50"), (Decimal{1, 500000000}));
  EXPECT_EQ(*ParseDecimal("-1.5"), (Decimal{-1, -500000000}));
}

TEST(Literal, WholeNumbers) {
  EXPECT_EQ(ParseInt("-42"), -42);
  EXPECT_EQ(ParseInt("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "-", "1.0", "1e3", "9223372036854775808", "+1", "4x"})
    EXPECT_FALSE(ParseInt(text)) << text;
}

TEST(Literal, Doubles) {
  EXPECT_EQ(ParseDouble("33.33"), 33.33);
  EXPECT_EQ(ParseDouble("-1e-3"), -0.001);
  for (const char* text : {"", "nan", "inf", "1e999", "0x1p3", ".5", "1.5x"}) EXPECT_FALSE(ParseDouble(text)) << text;
  EXPECT_EQ(FormatDouble(33.33), "33.33");
  EXPECT_EQ(ParseDouble(FormatDouble(0.1 + 0.2)), 0.1 + 0.2);
}

TEST(Literal, Times) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"2026-11-23T18:05:06Z", "2026-11-23T18:05:06.000000Z"},
      {"2026-11-23t18:05:06z", "2026-11-23T18:05:06.000000Z"},
      {"2026-11-23T18:05:06.25+01:30", "2026-11-23T16:35:06.250000Z"},
      {"2026-11-23T18:05:06.1234567-01:00", "2026-11-23T19:05:06.123456Z"},
      {"2026-11-23", "2026-11-23T00:00:00.000000Z"},
      {"2024-02-29", "2024-02-29T00:00:00.000000Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
      {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
      {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"},
      {"0001-01-01T00:00:00+00:01", "none"},
      {"9999-12-31T23:59:59-00:01", "none"},
      {"2025-02-29", "none"},
      {"0000-01-01", "none"},
      {"2026-13-01", "none"},
      {"2026-1-01", "none"},
      {"2026-11-23T18:05Z", "none"},
      {"2026-11-23T24:00:00Z", "none"},
      {"2026-11-23T18:60:00Z", "none"},
      {"2026-11-23T18:05:60Z", "none"},
      {"2026-11-23T18:05:06", "none"},
      {"2026-11-23T18:05:06.Z", "none"},
      {"2026-11-23T18:05:06.1234567890Z", "none"},
      {"2026-11-23T18:05:06+0100", "none"},
      {"2026-11-23T18:05:06Zx", "none"},
      {"2026-11-23 18:05:06Z", "none"},
      {"", "none"},
  };
  for (const auto& [text, want] : cases) {
    const auto time = ParseTime(text);
    EXPECT_EQ(time ? FormatTime(*time) : "none", want) << text;
  }
  EXPECT_TRUE(ParseDay("2026-11-23"));
  EXPECT_FALSE(ParseDay("2026-11-23T00:00:00Z"));
}

TEST(Literal, Durations) {
  using namespace std::chrono_literals;
  EXPECT_EQ(ParseDuration("30s"), 30s);
  EXPECT_EQ(ParseDuration("90m"), 90min);
  EXPECT_EQ(ParseDuration("12h"), 12h);
  EXPECT_EQ(ParseDuration("3d"), 72h);
  EXPECT_EQ(ParseDuration("2w"), 336h);
  EXPECT_EQ(ParseDuration("36500d"), 24h * 36500);
  for (const char* text : {"", "3", "d", "-3d", "1.5d", "3D", "3days", "36501d", "99999999999999999999s"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

}  // namespace
}  // namespace embudo::filter
