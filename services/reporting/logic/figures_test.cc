#include "services/reporting/logic/figures.h"

#include <gtest/gtest.h>

#include <limits>

namespace embudo::reporting::logic {
namespace {

google::type::Money Usd(int64_t units, int32_t nanos = 0) {
  google::type::Money money;
  money.set_currency_code("USD");
  money.set_units(units);
  money.set_nanos(nanos);
  return money;
}

TEST(FiguresTest, RoundsHalfUpExactly) {
  EXPECT_EQ(Percent(1, 3), 33.33);
  EXPECT_EQ(Percent(2, 3), 66.67);
  EXPECT_EQ(Percent(1, 800), 0.13);  // 0.125
  EXPECT_EQ(Average(-1, 8), -0.13);  // -0.125
  EXPECT_EQ(Average(Usd(0, 5'000'000), 1), 0.01);
  EXPECT_EQ(Average(Usd(0, 4'999'999), 1), 0);
  EXPECT_EQ(Average(Usd(std::numeric_limits<int64_t>::max()), 1), 9223372036854775807.0);
}

TEST(FiguresTest, NothingToDivideBy) {
  EXPECT_EQ(Percent(0, 0), std::nullopt);
  EXPECT_EQ(Average(0, 0), std::nullopt);
  EXPECT_EQ(Average(Usd(5), 0), std::nullopt);
  EXPECT_FALSE(ToWinLoss(Measures()).has_win_rate());
  EXPECT_EQ(ToKeyFigures(Measures()).health_size(), 0);
}

TEST(FiguresTest, KeyFiguresOfARealPipeline) {
  // The Maven data set: 8,800 opportunities, of which 4,238 were won for 10,005,534.
  Measures measures;
  measures.count = 8800;
  measures.open_count = 2089;
  measures.won_count = 4238;
  measures.lost_count = 2473;
  measures.won_revenue = Usd(10005534);
  measures.won_cycle_days = 219452;
  measures.won_cycle_count = 4238;
  const auto figures = ToKeyFigures(measures);
  EXPECT_EQ(figures.win_rate(), 63.15);
  EXPECT_EQ(figures.average_won_deal(), 2360.91);
  EXPECT_EQ(figures.average_won_cycle_days(), 51.78);
  ASSERT_EQ(figures.health_size(), 2);
  EXPECT_EQ(figures.health(0).figure(), "win_rate");
  EXPECT_EQ(figures.health(0).standing(), v1::FigureHealth::STANDING_ABOVE);
  EXPECT_EQ(figures.health(1).figure(), "average_won_cycle_days");
  EXPECT_EQ(figures.health(1).standing(), v1::FigureHealth::STANDING_WITHIN);
}

}  // namespace
}  // namespace embudo::reporting::logic
