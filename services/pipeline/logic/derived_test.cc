#include "services/pipeline/logic/derived.h"

#include <gtest/gtest.h>

#include "common/base/money.h"

namespace embudo::pipeline::logic {
namespace {

using std::chrono::days;
using std::chrono::hours;
using type::v1::Lead;

const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 5 / 4) + hours(23);

class DerivedTest : public ::testing::Test {
 protected:
  DerivedTest() {
    type::v1::Stage stage;
    stage.set_name("pipelines/p/stages/s");
    stage.set_max_days(3);
    catalog_.stages_of_pipeline["pipelines/p"] = {stage};
    catalog_.tenant.set_time_zone("UTC");
    catalog_.users["users/tokyo"].set_time_zone("Asia/Tokyo");
    catalog_.users["users/home"];
    lead_.set_stage(stage.name());
    lead_.set_state(Lead::STATE_OPEN);
  }

  Lead After(Time::duration stay, const std::string& actor = "users/home") const {
    Lead lead = lead_;
    *lead.mutable_stage_enter_time() = ToTimestamp(kNow - stay);
    Derive({catalog_, kNow, actor}, lead);
    return lead;
  }
  static std::string Times(const std::string& amount, const std::string& currency, double percent) {
    const auto weighted = Weighted(*MoneyFromNumeric(amount, currency), percent);
    EXPECT_TRUE(CheckMoney(weighted).ok()) << weighted.DebugString();
    return ToNumeric(weighted);
  }

  Catalog catalog_;
  Lead lead_;
};

TEST_F(DerivedTest, RotsOnceItStaysLongerThanItsStageExpects) {
  EXPECT_EQ(After(hours(23)).days_in_stage(), 0);
  EXPECT_EQ(After(days(3)).days_in_stage(), 3);
  EXPECT_FALSE(After(days(3)).rotting());
  EXPECT_TRUE(After(days(3) + std::chrono::microseconds(1)).rotting());
  lead_.set_state(Lead::STATE_LOST);
  EXPECT_FALSE(After(days(30)).rotting());
  lead_.set_state(Lead::STATE_OPEN);
  catalog_.stages_of_pipeline["pipelines/p"][0].set_max_days(0);
  EXPECT_FALSE(After(days(300)).rotting());
}

TEST_F(DerivedTest, TheDayIsThatOfTheCaller) {
  *lead_.mutable_next_activity_date() = ToDate(std::chrono::sys_days(std::chrono::year(2026) / 5 / 4));
  EXPECT_EQ(After(hours(0)).activity_state(), Lead::ACTIVITY_STATE_TODAY);
  EXPECT_EQ(After(hours(0), "users/tokyo").activity_state(), Lead::ACTIVITY_STATE_OVERDUE);
  catalog_.tenant.set_time_zone("Asia/Tokyo");
  EXPECT_EQ(After(hours(0)).activity_state(), Lead::ACTIVITY_STATE_OVERDUE);
  lead_.mutable_next_activity_date()->set_day(6);
  EXPECT_EQ(After(hours(0)).activity_state(), Lead::ACTIVITY_STATE_PLANNED);
  lead_.clear_next_activity_date();
  EXPECT_EQ(After(hours(0)).activity_state(), Lead::ACTIVITY_STATE_UNSPECIFIED);
}

TEST_F(DerivedTest, WeightedRevenueIsRoundedToTheSmallestUnit) {
  EXPECT_EQ(Times("1000", "USD", 12.34), "123.4");
  EXPECT_EQ(Times("0.01", "USD", 50), "0.01");  // half away from zero
  EXPECT_EQ(Times("-0.01", "USD", 50), "-0.01");
  EXPECT_EQ(Times("0.01", "USD", 49.99), "0");
  EXPECT_EQ(Times("101", "JPY", 50), "51");
  EXPECT_EQ(Times("1", "KWD", 33.33), "0.333");
  EXPECT_EQ(Times("9223372036854775807.99", "USD", 100), "9223372036854775807.99");
  EXPECT_FALSE(After(hours(1)).has_weighted_revenue());
}

}  // namespace
}  // namespace embudo::pipeline::logic
