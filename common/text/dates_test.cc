#include "common/text/dates.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::text {
namespace {

constexpr auto kIso = DateOrder::kYearMonthDay;
constexpr auto kUs = DateOrder::kMonthDayYear;
constexpr auto kEuropean = DateOrder::kDayMonthYear;

std::string Date(std::string_view text, DateOrder order = kIso) {
  const auto day = ParseDay(text, order);
  return day.ok() ? FormatDate(ToDate(*day)) : MessageOf(day.status());
}

std::string Moment(std::string_view text, DateOrder order = kIso, const std::string& zone = "") {
  const auto time = ParseTime(text, order, zone);
  return time.ok() ? FormatTime(*time) : MessageOf(time.status());
}

TEST(DatesTest, ReadsDates) {
  EXPECT_EQ(Date("2017-03-01"), "2017-03-01");
  EXPECT_EQ(Date(" 2017/3/1 "), "2017-03-01");
  EXPECT_EQ(Date("20170301"), "2017-03-01");
  EXPECT_EQ(Date("3/1/2017", kUs), "2017-03-01");
  EXPECT_EQ(Date("03/01/2017", kEuropean), "2017-01-03");
  EXPECT_EQ(Date("31.12.2026", kEuropean), "2026-12-31");
  EXPECT_EQ(Date("2017-03-01", kEuropean), "2017-03-01");
  EXPECT_EQ(Date("1.2.68", kEuropean), "2068-02-01");
  EXPECT_EQ(Date("1.2.69", kEuropean), "1969-02-01");
  EXPECT_EQ(Date("2016-02-29"), "2016-02-29");
}

TEST(DatesTest, TheDayIsTheWrittenOne) {
  EXPECT_EQ(Date("2010-10-14T00:00:00.000+0800"), "2010-10-14");
  EXPECT_EQ(Date("2010-10-14 23:59"), "2010-10-14");
}

TEST(DatesTest, NamesTheWrongPart) {
  EXPECT_EQ(Date("2017-13-01"), "\"2017-13-01\" is not a date: month 13");
  EXPECT_EQ(Date("2017-02-29"), "\"2017-02-29\" is not a date: day 29");
  EXPECT_EQ(Date("31/12/2026", kUs), "\"31/12/2026\" is not a date: month 31");
  EXPECT_EQ(Date("03/04/2024"), "\"03/04/2024\" is not a date: year 03 (the order of its parts was not declared)");
  EXPECT_EQ(Date("0000-01-01"), "\"0000-01-01\" is not a date: year 0000");
  EXPECT_EQ(Date("soon"), "\"soon\" is not a date: it has no year, month and day");
  EXPECT_EQ(Date(""), "\"\" is not a date: it has no year, month and day");
  EXPECT_EQ(Date("2017-03-01x"), "\"2017-03-01x\" is not a date: something follows the day");
  EXPECT_EQ(Date("2009-07/14"), "\"2009-07/14\" is not a date: it has no year, month and day");
  EXPECT_EQ(ReasonOf(ParseDay("soon").status()), "INVALID_DATE");
}

TEST(DatesTest, ReadsMoments) {
  EXPECT_EQ(Moment("2010-10-14T12:00:00.000Z"), "2010-10-14T12:00:00.000000Z");
  EXPECT_EQ(Moment("2024-02-01 09:30"), "2024-02-01T09:30:00.000000Z");
  EXPECT_EQ(Moment("2024-02-01"), "2024-02-01T00:00:00.000000Z");
  EXPECT_EQ(Moment("3/15/2024 2:30 PM", kUs), "2024-03-15T14:30:00.000000Z");
  EXPECT_EQ(Moment("3/15/2024 12:05 am", kUs), "2024-03-15T00:05:00.000000Z");
  EXPECT_EQ(Moment("07/15/2009 02:14:45+0800", kUs), "2009-07-14T18:14:45.000000Z");
  EXPECT_EQ(Moment("2009-07-14T14:14:45+02:00"), "2009-07-14T12:14:45.000000Z");
  EXPECT_EQ(Moment("2009-07-13 22:14:45.123456789 -08"), "2009-07-14T06:14:45.123456Z");
  EXPECT_EQ(Moment("1483228800000"), "2017-01-01T00:00:00.000000Z");
  EXPECT_EQ(Moment("1483228800"), "2017-01-01T00:00:00.000000Z");
}

TEST(DatesTest, LocalTimesHaveAZone) {
  EXPECT_EQ(Moment("2024-07-01 09:30", kIso, "Europe/Berlin"), "2024-07-01T07:30:00.000000Z");
  EXPECT_EQ(Moment("2024-01-01", kIso, "America/New_York"), "2024-01-01T05:00:00.000000Z");
  EXPECT_EQ(Moment("2024-07-01 09:30Z", kIso, "Europe/Berlin"), "2024-07-01T09:30:00.000000Z");
  EXPECT_TRUE(IsTimeZone("Europe/Berlin"));
  EXPECT_TRUE(IsTimeZone("UTC"));
  EXPECT_FALSE(IsTimeZone("Europe/Atlantis"));
  EXPECT_FALSE(IsTimeZone(""));
}

TEST(DatesTest, RefusesWrongTimes) {
  EXPECT_EQ(Moment("2024-02-01 25:00"), "\"2024-02-01 25:00\" is not a time: its time of day is not well-formed");
  EXPECT_EQ(Moment("2024-02-01 13:00 PM"), "\"2024-02-01 13:00 PM\" is not a time: its time of day is not well-formed");
  EXPECT_EQ(Moment("2024-02-01 10:00 CET"),
            "\"2024-02-01 10:00 CET\" is not a time: something else follows its time of day");
  EXPECT_EQ(Moment("2024-02-01 10:00+9"),
            "\"2024-02-01 10:00+9\" is not a time: something else follows its time of day");
}

TEST(DatesTest, TheDayIsThatOfTheZone) {
  const Time evening = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + std::chrono::hours(23);
  EXPECT_EQ(DayIn(evening, ""), std::chrono::sys_days(std::chrono::year(2026) / 3 / 1));
  EXPECT_EQ(DayIn(evening, "Europe/Berlin"), std::chrono::sys_days(std::chrono::year(2026) / 3 / 2));
  EXPECT_EQ(DayIn(evening - std::chrono::hours(19), "America/New_York"),
            std::chrono::sys_days(std::chrono::year(2026) / 2 / 28));
  EXPECT_EQ(DayIn(evening, "Europe/Atlantis"), std::chrono::sys_days(std::chrono::year(2026) / 3 / 1));
}

}  // namespace
}  // namespace embudo::text
