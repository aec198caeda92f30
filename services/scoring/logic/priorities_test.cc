#include "services/scoring/logic/priorities.h"

#include <gmock/gmock.h>

namespace embudo::scoring::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Lead;

const Time kNow = std::chrono::sys_days(std::chrono::year(2024) / 3 / 15) + std::chrono::hours(9);

Lead Touched(const std::string& name, double probability) {
  Lead lead;
  lead.set_name("leads/" + name);
  lead.set_probability(probability);
  *lead.mutable_last_touch_time() = ToTimestamp(kNow);
  lead.mutable_next_activity_date()->set_year(2024);
  lead.mutable_next_activity_date()->set_month(3);
  lead.mutable_next_activity_date()->set_day(20);
  return lead;
}

TEST(PrioritiesTest, AnOverdueActivityOutweighsFiftyPointsOfChance) {
  Lead overdue = Touched("overdue", 10);
  overdue.mutable_next_activity_date()->set_day(13);
  // 0.5 * 10 + 25 = 30 against 0.5 * 58 = 29 and 0.5 * 62 = 31.
  const auto order = Prioritise({Touched("b", 58), overdue, Touched("a", 62)}, kNow);
  EXPECT_THAT((std::vector<std::string>{order[0].lead(), order[1].lead(), order[2].lead()}),
              ElementsAre("leads/a", "leads/overdue", "leads/b"));
  EXPECT_DOUBLE_EQ(order[1].urgency(), 30);
  EXPECT_THAT(order[1].reasons(), ElementsAre("an activity is overdue by 2 days", "chance of winning 10.0 %"));
}

TEST(PrioritiesTest, EveryReasonIsTold) {
  Lead lead = Touched("a", 40);
  lead.clear_next_activity_date();
  lead.set_score(70);
  lead.set_priority(2);
  lead.mutable_decision_date()->set_year(2024);
  lead.mutable_decision_date()->set_month(3);
  lead.mutable_decision_date()->set_day(16);
  *lead.mutable_last_touch_time() = ToTimestamp(kNow - std::chrono::days(5));
  // 20 + 21 + 6 + 10 + 15 + 10
  const auto order = Prioritise({lead}, kNow);
  EXPECT_DOUBLE_EQ(order[0].urgency(), 82);
  EXPECT_THAT(order[0].reasons(), ElementsAre("score 70", "chance of winning 40.0 %", "they decide in 1 day",
                                              "no activity is planned", "untouched for 5 days", "2 of 3 stars"));
}

TEST(PrioritiesTest, NothingIsNothing) { EXPECT_THAT(Prioritise({}, kNow), IsEmpty()); }

}  // namespace
}  // namespace embudo::scoring::logic
