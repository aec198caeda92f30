#include "services/scoring/logic/explain.h"

#include <gmock/gmock.h>

namespace embudo::scoring::logic {
namespace {

using ::testing::HasSubstr;
using type::v1::Lead;

const std::string kNew = "pipelines/p/stages/new";

/// Three won leads from the web, one lost in New from a fair: new 3.1 / 1.1, web 3.1 / 0.1, fair 0.1 / 1.1.
Model SmallModel() {
  FrequencyTable table;
  for (int i = 0; i < 3; ++i) table.Add({true, "", {{"stage", kNew}, {"source", "web"}}});
  table.Add({false, "", {{"stage", kNew}, {"source", "fair"}}});
  std::vector<Rule> rules;
  for (const v1::Criterion& criterion : DefaultCriteria()) rules.push_back(*Compile(criterion));
  return {.config = {.variables = {"source", "country"}},
          .stages = Stages({{kNew, "pipelines/p", "New", 1, false}}),
          .rules = std::move(rules),
          .bayes = NaiveBayes(table)};
}

Lead OpenLead() {
  Lead lead;
  lead.set_name("leads/1");
  lead.set_stage(kNew);
  lead.set_state(Lead::STATE_OPEN);
  lead.set_source("web");
  lead.set_country("Spain");
  lead.set_headcount(80);
  lead.set_pain("slow");
  return lead;
}

TEST(Explain, TellsTheCriteriaThatHold) {
  const v1::Explanation explanation = Explain(SmallModel(), OpenLead(), Clock::System().Now());
  EXPECT_EQ(explanation.score(), 25);
  EXPECT_EQ(explanation.priority(), 0);
  ASSERT_EQ(explanation.criteria_size(), 2);
  EXPECT_EQ(explanation.criteria(0).criterion(), "criteria/current-pain");
  EXPECT_EQ(explanation.criteria(0).text(), "Current pain +15");
  EXPECT_EQ(explanation.criteria(1).points(), 10);
}

TEST(Explain, TellsWhatMovedTheProbability) {
  const v1::Explanation explanation = Explain(SmallModel(), OpenLead(), Clock::System().Now());
  // 3.1 · 3.1/3.2 = 3.003125 against 1.1 · 0.1/1.2 = 0.091666…: 0.970380…
  EXPECT_EQ(explanation.probability(), 97.04);
  EXPECT_EQ(explanation.basis().team(), "");
  EXPECT_EQ(explanation.basis().won_count(), 3.1);
  EXPECT_EQ(explanation.basis().lost_count(), 1.1);
  ASSERT_EQ(explanation.factors_size(), 2);
  const v1::Factor& source = explanation.factors(0);
  EXPECT_EQ(source.variable(), "source");
  EXPECT_EQ(source.value(), "web");
  EXPECT_DOUBLE_EQ(source.won_total(), 3.2);
  EXPECT_DOUBLE_EQ(source.lost_total(), 1.2);
  // Without it 3.1 / 4.2 = 73.8095…
  EXPECT_EQ(source.effect(), 23.23);
  EXPECT_EQ(source.text(),
            "Source web: 96.9 % of the won and 8.3 % of the lost leads have it; raises the chance by 23.23 points");
  EXPECT_EQ(explanation.factors(1).variable(), "stage");
  EXPECT_EQ(explanation.factors(1).effect(), 0);
  EXPECT_THAT(explanation.summary(),
              HasSubstr("Score 25, 0 stars: Current pain +15, Company size fit +10. "
                        "Chance of winning 97.04 %, from 3 won and 1 lost leads of all teams. Source web"));
}

TEST(Explain, SaysWhyThereIsNoProbability) {
  const Time now = Clock::System().Now();
  Lead lead = OpenLead();
  lead.set_state(Lead::STATE_LOST);
  EXPECT_FALSE(Explain(SmallModel(), lead, now).has_probability());
  EXPECT_THAT(Explain(SmallModel(), lead, now).summary(), HasSubstr("The lead is lost."));
  lead = OpenLead();
  lead.clear_stage();
  EXPECT_EQ(Explain(SmallModel(), lead, now).probability(), 0);
  EXPECT_THAT(Explain(SmallModel(), lead, now).summary(), HasSubstr("in no stage"));
  lead.set_stage("pipelines/other/stages/new");
  EXPECT_FALSE(Explain(SmallModel(), lead, now).has_probability());
  EXPECT_THAT(Explain(SmallModel(), lead, now).summary(), HasSubstr("Too few"));
}

}  // namespace
}  // namespace embudo::scoring::logic
