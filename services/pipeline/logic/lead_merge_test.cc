#include "services/pipeline/logic/lead_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using ::testing::ElementsAre;
using type::v1::Lead;

class LeadMergeTest : public ::testing::Test {
 protected:
  LeadMergeTest() {
    for (const char* id : {"one", "two", "won"}) {
      type::v1::Stage stage;
      stage.set_name(std::string("pipelines/p/stages/") + id);
      catalog_.stages_of_pipeline["pipelines/p"].push_back(stage);
    }
    catalog_.teams["teams/here"].set_pipeline("pipelines/p");
    catalog_.teams["teams/there"].set_pipeline("pipelines/q");
  }

  static Lead Make(const std::string& name, Lead::State state, const std::string& stage, double probability = 0,
                   int64_t age = 0) {
    Lead lead;
    lead.set_name(name);
    lead.set_state(state);
    lead.set_kind(stage.empty() ? Lead::KIND_LEAD : Lead::KIND_OPPORTUNITY);
    if (!stage.empty()) {
      lead.set_pipeline("pipelines/p");
      lead.set_stage("pipelines/p/stages/" + stage);
    }
    lead.set_probability(probability);
    lead.mutable_create_time()->set_seconds(1000 - age);
    return lead;
  }

  Catalog catalog_;
};

TEST_F(LeadMergeTest, AdvanceIsStateThenKindThenStageThenProbabilityThenAge) {
  const std::vector<Lead> leads = {
      Make("won", Lead::STATE_WON, "won"),           Make("far", Lead::STATE_OPEN, "two", 1),
      Make("likely", Lead::STATE_OPEN, "one", 60),   Make("old", Lead::STATE_OPEN, "one", 50, 9),
      Make("young", Lead::STATE_OPEN, "one", 50, 1), Make("unqualified", Lead::STATE_OPEN, "", 99, 100),
      Make("lost", Lead::STATE_LOST, "two", 0, 200)};
  std::vector<const Lead*> mixed;
  for (const size_t i : {3, 6, 0, 5, 1, 4, 2}) mixed.push_back(&leads[i]);
  std::vector<std::string> names;
  for (const Lead* lead : ByAdvance(catalog_, mixed)) names.push_back(lead->name());
  EXPECT_THAT(names, ElementsAre("won", "far", "likely", "old", "young", "unqualified", "lost"));
}

TEST_F(LeadMergeTest, WhatBelongsTogetherIsTakenTogether) {
  Lead survivor = Make("a", Lead::STATE_OPEN, "one");
  survivor.mutable_budget()->set_units(5);
  Lead other = Make("b", Lead::STATE_OPEN, "one");
  other.mutable_budget()->set_units(7);
  other.mutable_converted_budget()->set_units(8);
  other.mutable_recurring_revenue()->set_units(100);
  other.set_recurring_months(12);
  other.set_priority(2);
  other.set_priority_source(Lead::PRIORITY_SOURCE_PERSON);
  other.set_archived(true);
  other.set_manual_probability(true);
  TakeIn({catalog_, Time(), ""}, {&other}, survivor);
  EXPECT_EQ(survivor.budget().units(), 5);
  EXPECT_FALSE(survivor.has_converted_budget());  // of another amount
  EXPECT_EQ(survivor.recurring_months(), 12);
  EXPECT_EQ(survivor.priority_source(), Lead::PRIORITY_SOURCE_PERSON);
  EXPECT_FALSE(survivor.archived() || survivor.manual_probability());
}

TEST_F(LeadMergeTest, ATeamOfAnotherPipelineIsNotTaken) {
  Lead survivor = Make("a", Lead::STATE_OPEN, "one");
  Lead there = Make("b", Lead::STATE_OPEN, "");
  there.set_team("teams/there");
  Lead here = Make("c", Lead::STATE_OPEN, "");
  here.set_team("teams/here");
  TakeIn({catalog_, Time(), ""}, {&there, &here}, survivor);
  EXPECT_EQ(survivor.team(), "teams/here");
}

TEST_F(LeadMergeTest, TextsAreJoinedOnceAndDatesAreTheNext) {
  Lead survivor = Make("a", Lead::STATE_OPEN, "one");
  survivor.set_description("One");
  survivor.mutable_last_touch_time()->set_seconds(10);
  survivor.mutable_next_activity_date()->set_year(2026);
  survivor.mutable_next_activity_date()->set_month(5);
  survivor.mutable_next_activity_date()->set_day(9);
  Lead other = survivor;
  other.set_description("Two");
  other.mutable_last_touch_time()->set_seconds(20);
  other.mutable_next_activity_date()->set_day(8);
  TakeIn({catalog_, Time(), ""}, {&other, &other}, survivor);
  EXPECT_EQ(survivor.description(), "One\n\nTwo");
  EXPECT_EQ(survivor.last_touch_time().seconds(), 20);
  EXPECT_EQ(survivor.next_activity_date().day(), 8);
}

TEST_F(LeadMergeTest, OneWonLeadAndOnePipelineAtMost) {
  const Lead won = Make("a", Lead::STATE_WON, "won");
  Lead elsewhere = Make("b", Lead::STATE_OPEN, "one");
  elsewhere.set_pipeline("pipelines/q");
  const Lead unqualified = Make("c", Lead::STATE_OPEN, "");
  EXPECT_TRUE(CheckMergeable({&won, &unqualified}).ok());
  EXPECT_EQ(ReasonOf(CheckMergeable({&won, &won})), "SEVERAL_WON");
  EXPECT_EQ(ReasonOf(CheckMergeable({&unqualified, &won, &elsewhere})), "DIFFERENT_PIPELINES");
}

}  // namespace
}  // namespace embudo::pipeline::logic
