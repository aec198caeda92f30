#include "services/reporting/logic/dimension.h"

#include <gmock/gmock.h>

#include "common/base/error.h"

namespace embudo::reporting::logic {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year;

Day DayOf(int y, unsigned m, unsigned d) { return sys_days(year(y) / std::chrono::month(m) / std::chrono::day(d)); }

TEST(ParseGroupByTest, ReadsEveryKindOfDimension) {
  const auto dimensions = ParseGroupBy({"stage", "tag", "expected_close_quarter", "custom_fields.region"});
  ASSERT_TRUE(dimensions.ok()) << dimensions.status();
  EXPECT_EQ((*dimensions)[0].kind, Dimension::Kind::kField);
  EXPECT_EQ((*dimensions)[0].field, "stage");
  EXPECT_EQ((*dimensions)[1].field, "tags");
  EXPECT_EQ((*dimensions)[2].kind, Dimension::Kind::kPeriod);
  EXPECT_EQ((*dimensions)[2].field, "expected_close");
  EXPECT_EQ((*dimensions)[2].period, Period::kQuarter);
  EXPECT_EQ((*dimensions)[3].kind, Dimension::Kind::kCustom);
  EXPECT_EQ((*dimensions)[3].key, "region");
}

TEST(ParseGroupByTest, NothingIsTheTotalAlone) {
  const auto dimensions = ParseGroupBy({});
  ASSERT_TRUE(dimensions.ok());
  EXPECT_TRUE(dimensions->empty());
}

TEST(ParseGroupByTest, NamesTheWrongElement) {
  for (const char* wrong : {"", "stages", "description", "month", "close_decade", "custom_fields.", "close_time"}) {
    const auto dimensions = ParseGroupBy({"stage", wrong});
    EXPECT_EQ(dimensions.status().code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_THAT(MessageOf(dimensions.status()), testing::HasSubstr("group_by[1]")) << wrong;
  }
}

TEST(ParseGroupByTest, RefusesRepeatedAndTooMany) {
  EXPECT_FALSE(ParseGroupBy({"stage", "team", "stage"}).ok());
  EXPECT_TRUE(ParseGroupBy({"stage", "team", "owner", "source"}).ok());
  EXPECT_FALSE(ParseGroupBy({"stage", "team", "owner", "source", "medium"}).ok());
}

TEST(PeriodTextTest, WritesPeriods) {
  EXPECT_EQ(PeriodText(Period::kDay, DayOf(2017, 3, 14)), "2017-03-14");
  EXPECT_EQ(PeriodText(Period::kMonth, DayOf(2017, 3, 1)), "2017-03");
  EXPECT_EQ(PeriodText(Period::kQuarter, DayOf(2017, 1, 1)), "2017-Q1");
  EXPECT_EQ(PeriodText(Period::kQuarter, DayOf(2017, 10, 1)), "2017-Q4");
  EXPECT_EQ(PeriodText(Period::kYear, DayOf(2017, 1, 1)), "2017");
}

TEST(PeriodTextTest, WeeksAreIso) {
  EXPECT_EQ(PeriodText(Period::kWeek, DayOf(2017, 1, 2)), "2017-W01");
  // The first days of January 2021 belong to the last week of 2020, which had 53.
  EXPECT_EQ(PeriodText(Period::kWeek, DayOf(2020, 12, 28)), "2020-W53");
  EXPECT_EQ(PeriodText(Period::kWeek, DayOf(2021, 1, 4)), "2021-W01");
  // The week of 31 December 2018 is the first of 2019.
  EXPECT_EQ(PeriodText(Period::kWeek, DayOf(2018, 12, 31)), "2019-W01");
}

TEST(BandTextTest, WritesBands) {
  EXPECT_EQ(BandText(0), "0-10");
  EXPECT_EQ(BandText(9), "90-100");
}

}  // namespace
}  // namespace embudo::reporting::logic
