#include "services/scoring/logic/manual_score.h"

#include <gmock/gmock.h>

namespace embudo::scoring::logic {
namespace {

using type::v1::Lead;

const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 6 / 15) + std::chrono::hours(9);

Rule MakeRule(const std::string& filter, int points, const std::string& group = "", int limit = 0) {
  v1::Criterion criterion;
  criterion.set_filter(filter);
  criterion.set_points(points);
  criterion.set_group_key(group);
  criterion.set_group_limit(limit);
  const auto rule = Compile(criterion);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return *rule;
}

std::vector<Rule> DefaultRules() {
  std::vector<Rule> rules;
  for (const v1::Criterion& criterion : DefaultCriteria()) {
    const auto rule = Compile(criterion);
    EXPECT_TRUE(rule.ok()) << criterion.filter() << ": " << rule.status();
    if (rule.ok()) rules.push_back(*rule);
  }
  return rules;
}

int DefaultScore(const Lead& lead) { return ScoreOf(DefaultRules(), lead, kNow).score; }

TEST(StarsOf, ChangeAtTheQuarters) {
  EXPECT_EQ(StarsOf(0), 0);
  EXPECT_EQ(StarsOf(25), 0);
  EXPECT_EQ(StarsOf(26), 1);
  EXPECT_EQ(StarsOf(50), 1);
  EXPECT_EQ(StarsOf(51), 2);
  EXPECT_EQ(StarsOf(75), 2);
  EXPECT_EQ(StarsOf(76), 3);
  EXPECT_EQ(StarsOf(100), 3);
}

TEST(DefaultCriteria, AreFiveWithAHundredPoints) {
  int sum = 0;
  for (const v1::Criterion& criterion : DefaultCriteria()) sum += criterion.points();
  EXPECT_EQ(DefaultCriteria().size(), 5);
  EXPECT_EQ(sum, 100);
  EXPECT_EQ(DefaultScore(Lead()), 0);
}

TEST(DefaultCriteria, BudgetIsAboveTenThousand) {
  Lead lead;
  lead.mutable_budget()->set_currency_code("USD");
  lead.mutable_budget()->set_units(10000);
  EXPECT_EQ(DefaultScore(lead), 0);
  lead.mutable_budget()->set_nanos(10000000);
  EXPECT_EQ(DefaultScore(lead), 30);
}

TEST(DefaultCriteria, DecisionMakersAreOfCLevelOrVicePresidents) {
  Lead lead;
  for (const char* title : {"CEO", "CTO and co-founder", "Founder, CEO", "Chief Revenue Officer", "VP of Sales",
                            "SVP Europe", "Senior Vice President", "Group CFO"}) {
    lead.set_job_title(title);
    EXPECT_EQ(DefaultScore(lead), 25) << title;
  }
  for (const char* title : {"", "DIRECTOR OF SALES", "Sales manager", "Recruiter", "Cooper"}) {
    lead.set_job_title(title);
    EXPECT_EQ(DefaultScore(lead), 0) << title;
  }
}

TEST(DefaultCriteria, TheDecisionIsWithinNinetyDays) {
  const auto score_on = [](Day day) {
    Lead lead;
    *lead.mutable_decision_date() = ToDate(day);
    return DefaultScore(lead);
  };
  const Day today = std::chrono::floor<std::chrono::days>(kNow);
  EXPECT_EQ(score_on(today), 20);
  EXPECT_EQ(score_on(today + std::chrono::days(90)), 20);
  EXPECT_EQ(score_on(today + std::chrono::days(91)), 0);
  EXPECT_EQ(score_on(today - std::chrono::days(1)), 0);
}

TEST(DefaultCriteria, PainIsACompetitorOrAComplaint) {
  Lead lead;
  lead.set_pain("invoices get lost");
  EXPECT_EQ(DefaultScore(lead), 15);
  lead.set_current_solution("another vendor");
  EXPECT_EQ(DefaultScore(lead), 15);
  lead.clear_pain();
  EXPECT_EQ(DefaultScore(lead), 15);
}

TEST(DefaultCriteria, TheCompanyHasFiftyToFiveHundredEmployees) {
  Lead lead;
  for (const auto& [headcount, score] : {std::pair(0, 0), {49, 0}, {50, 10}, {500, 10}, {501, 0}}) {
    lead.set_headcount(headcount);
    EXPECT_EQ(DefaultScore(lead), score) << headcount;
  }
}

TEST(ScoreOf, IsTheSumOfWhatHolds) {
  Lead lead;
  lead.set_job_title("VP of Sales");
  lead.set_headcount(100);
  lead.set_pain("slow");
  const std::vector<Rule> rules = DefaultRules();
  const ManualScore score = ScoreOf(rules, lead, kNow);
  EXPECT_EQ(score.score, 50);
  EXPECT_EQ(score.stars, 1);
  ASSERT_EQ(score.held.size(), 3);
  EXPECT_EQ(score.held[0].rule->criterion.name(), "criteria/decision-maker-identified");
  EXPECT_EQ(score.held[0].points, 25);
}

TEST(ScoreOf, IsKeptWithinItsBounds) {
  Lead lead;
  lead.set_source("web");
  EXPECT_EQ(ScoreOf({MakeRule("source = web", 70), MakeRule("source:*", 80)}, lead, kNow).score, 100);
  EXPECT_EQ(ScoreOf({MakeRule("source = web", 20), MakeRule("source:*", -80)}, lead, kNow).score, 0);
  // The bounds hold for the sum, not on the way.
  EXPECT_EQ(ScoreOf({MakeRule("source:*", -30), MakeRule("source:*", 70), MakeRule("source:*", 50)}, lead, kNow).score,
            90);
}

TEST(ScoreOf, AGroupAddsNoMoreThanItsSmallestLimit) {
  Lead lead;
  lead.set_source("web");
  const std::vector<Rule> rules = {MakeRule("source:*", 20, "fit", 60), MakeRule("source:*", 15, "fit", 25),
                                   MakeRule("source:*", 10, "fit"), MakeRule("source:*", 7, "other")};
  const ManualScore score = ScoreOf(rules, lead, kNow);
  EXPECT_EQ(score.score, 32);
  EXPECT_EQ(score.held[1].points, 5);
  EXPECT_EQ(score.held[2].points, 0);
  const std::vector<Rule> negative = {MakeRule("source:*", 50), MakeRule("source:*", -30, "g", 20)};
  EXPECT_EQ(ScoreOf(negative, lead, kNow).score, 30);
}

TEST(ScoreOf, DisabledCriteriaCountForNothing) {
  Lead lead;
  lead.set_source("web");
  std::vector<Rule> rules = {MakeRule("source:*", 20, "g", 5), MakeRule("source:*", 20, "g", 30)};
  rules[0].criterion.set_disabled(true);
  const ManualScore score = ScoreOf(rules, lead, kNow);
  EXPECT_EQ(score.score, 20);
  EXPECT_EQ(score.held.size(), 1);
}

TEST(ScoreOf, PointsFadeWhileNobodyTouchesTheLead) {
  Lead lead;
  lead.set_source("web");
  *lead.mutable_last_touch_time() = ToTimestamp(kNow - std::chrono::days(15));
  std::vector<Rule> rules = {MakeRule("source:*", 40), MakeRule("source:*", -10)};
  rules[0].criterion.set_half_life_days(10);
  // 40 / 2^1.5 = 14.14…; the other stays.
  const ManualScore score = ScoreOf(rules, lead, kNow);
  EXPECT_EQ(score.held[0].points, 14);
  EXPECT_EQ(score.score, 4);
  *lead.mutable_last_touch_time() = ToTimestamp(kNow);
  EXPECT_EQ(ScoreOf(rules, lead, kNow).score, 30);
}

TEST(Compile, RefusesWrongFilters) {
  v1::Criterion criterion;
  criterion.set_filter("budgett > 1");
  EXPECT_EQ(Compile(criterion).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace embudo::scoring::logic
