// What is checked when a rule is saved, and what a dry run tells.

#include <string>
#include <vector>

#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "tests/integration/automation/suite.h"

namespace embudo::testing {
namespace {

using automation::v1::DryRunRuleRequest;
using automation::v1::DryRunRuleResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ChecksTest : public AutomationCase {
 protected:
  /// The fields that are wrong in the rule.
  std::vector<std::string> Wrong(const Rule& rule) {
    const absl::Status status = CreateRule("wrong", rule).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return BadFields(status);
  }
};

Rule OnEntry(const std::string& stage) {
  Rule rule;
  rule.mutable_trigger()->mutable_stage_entered()->set_stage(stage);
  rule.add_actions()->mutable_set_priority()->set_priority(1);
  return rule;
}

TEST_F(ChecksTest, WhatARuleNamesMustBeThere) {
  EXPECT_THAT(Wrong(OnEntry("pipelines/default/stages/none")), ElementsAre("rule.trigger.stage_entered.stage"));
  Rule rule = OnEntry(kProposal);
  rule.mutable_actions(0)->mutable_add_tags()->add_tags("tags/none");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].add_tags.tags[0]"));
  rule.mutable_actions(0)->mutable_assign()->set_team("teams/none");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].assign.team"));
  rule.mutable_actions(0)->mutable_notify()->add_users("users/none");
  rule.mutable_actions(0)->mutable_notify()->set_text("x");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].notify.users[0]"));
  rule.mutable_actions(0)->mutable_call_webhook()->set_webhook("webhooks/none");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].call_webhook.webhook"));
  rule.mutable_actions(0)->mutable_send_email()->set_template_("mailTemplates/none");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].send_email.template"));
  auto& branch = *rule.mutable_actions(0)->mutable_branch();
  branch.set_condition("expected_revenu > 1");
  branch.add_then()->mutable_stop();
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].branch.condition"));
  branch.set_condition("state = OPEN");
  branch.add_else_()->mutable_move_stage()->set_stage("pipelines/default/stages/none");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].branch.else[0].move_stage.stage"));
  // A user who has just been made is known before its event is.
  AddUser("dan");
  rule = OnEntry(kProposal);
  rule.mutable_actions(0)->mutable_notify()->add_users("users/dan");
  rule.mutable_actions(0)->mutable_notify()->set_text("x");
  EXPECT_TRUE(CreateRule("right", rule).ok());
}

TEST_F(ChecksTest, CustomFieldsMustBeThere) {
  Rule rule = OnEntry(kProposal);
  rule.set_condition("custom_fields.region = \"EMEA\"");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.condition"));
  rule.set_condition("previous.custom_fields.region = \"EMEA\"");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.condition"));
  rule.clear_condition();
  (*rule.mutable_actions(0)->mutable_update_fields()->mutable_fields())["custom_fields.region"].set_string_value("x");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].update_fields.fields[\"custom_fields.region\"]"));
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("custom_fields.region");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.trigger.lead_updated.fields[0]"));
  rule.mutable_trigger()->mutable_date_reached()->set_field("custom_fields.renewal");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.trigger.date_reached.field"));

  pipeline::v1::CreateCustomFieldRequest create;
  create.mutable_custom_field()->set_target(type::v1::CustomField::TARGET_CONTACT);
  create.mutable_custom_field()->set_type(type::v1::CustomField::TYPE_TEXT);
  create.mutable_custom_field()->set_key("region");
  create.mutable_custom_field()->set_display_name("Region");
  Pipeline<type::v1::CustomField>(create);
  rule.mutable_trigger()->mutable_stage_entered()->set_stage(kProposal);
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions[0].update_fields.fields[\"custom_fields.region\"]"));
  create.mutable_custom_field()->set_target(type::v1::CustomField::TARGET_LEAD);
  Pipeline<type::v1::CustomField>(create);
  EXPECT_TRUE(CreateRule("right", rule).ok());
}

TEST_F(ChecksTest, TriggersAreChecked) {
  Rule rule = OnEntry(kProposal);
  rule.mutable_trigger()->mutable_date_reached()->set_field("email");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.trigger.date_reached.field"));
  rule.mutable_trigger()->mutable_stage_overstayed()->mutable_duration()->set_seconds(-1);
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.trigger.stage_overstayed.duration"));
  rule.mutable_trigger()->mutable_schedule()->set_cron("0 25 * * *");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.trigger.schedule.cron"));
  rule.mutable_trigger()->mutable_activity_done();
  rule.set_condition("changed:stage");
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.condition"));
}

TEST_F(ChecksTest, LimitsOfActions) {
  Rule rule = OnEntry(kProposal);
  Action* action = rule.mutable_actions(0);
  for (int depth = 0; depth < 7; ++depth) {
    action->mutable_branch()->set_condition("state = OPEN");
    action = action->mutable_branch()->add_then();
  }
  action->mutable_stop();
  EXPECT_EQ(CreateRule("deep", rule).status().code(), absl::StatusCode::kInvalidArgument);
  rule = OnEntry(kProposal);
  for (int i = 0; i < 6; ++i) {
    auto& branch = *rule.add_actions()->mutable_branch();
    branch.set_condition("state = OPEN");
    for (int j = 0; j < 20; ++j) branch.add_then()->mutable_set_priority()->set_priority(1);
  }
  EXPECT_THAT(Wrong(rule), ElementsAre("rule.actions"));
}

TEST_F(ChecksTest, LoopsArePointedOutAndCertainOnesRefused) {
  Rule there = OnEntry(kProposal);
  there.mutable_actions(0)->mutable_move_stage()->set_stage(kNegotiation);
  Install("there", there);
  Rule back = OnEntry(kNegotiation);
  back.mutable_actions(0)->mutable_move_stage()->set_stage(kProposal);
  automation::v1::CreateRuleRequest request;
  *request.mutable_rule() = back;
  request.mutable_rule()->set_display_name("back");
  request.set_rule_id("back");
  request.set_validate_only(true);
  const auto validated = Automation<Rule>(request);
  ASSERT_TRUE(validated.ok()) << validated.status();
  ASSERT_EQ(validated->warnings_size(), 1);
  EXPECT_THAT(validated->warnings(0), HasSubstr("rules/there"));
  EXPECT_EQ(Install("back", back).warnings_size(), 1);

  Rule certain;
  certain.mutable_trigger()->mutable_lead_updated()->add_fields("pain");
  (*certain.add_actions()->mutable_update_fields()->mutable_fields())["pain"].set_string_value("none");
  EXPECT_THAT(CreateRule("certain", certain), IsError(absl::StatusCode::kFailedPrecondition, std::string("RULE_LOOP")));
}

TEST_F(ChecksTest, TwoRulesThatUndoEachOtherEndVisibly) {
  const auto flip = [](bool from) {
    Rule rule;
    rule.mutable_trigger()->mutable_lead_updated()->add_fields("pain");
    rule.set_condition(from ? "pain = \"a\"" : "pain = \"b\"");
    (*rule.add_actions()->mutable_update_fields()->mutable_fields())["pain"].set_string_value(from ? "b" : "a");
    return rule;
  };
  Install("flip", flip(true));
  Install("flop", flip(false));
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(CreateLead().name());
  update.mutable_lead()->set_pain("a");
  update.mutable_update_mask()->add_paths("pain");
  Pipeline<Lead>(update);
  EXPECT_EQ(SettledRuns(9).size(), 9u);
  EXPECT_THAT(Runs("state = DEAD").at(0).error(), ::testing::StartsWith("DEPTH_EXCEEDED"));
}

TEST_F(ChecksTest, ADryRunTellsWhatARuleWouldHaveDone) {
  std::vector<std::string> leads;
  for (int i = 0; i < 5; ++i) {
    Lead lead;
    lead.set_team(kTeam);
    lead.mutable_expected_revenue()->set_units(i < 2 ? 5000 : 10);
    lead.mutable_expected_revenue()->set_currency_code("USD");
    leads.push_back(CreateLead(lead).name());
    Move(leads.back(), kQualified);
  }
  CatchUp();
  Rule rule = OnEntry(kQualified);
  rule.set_condition("changed:stage");
  auto& branch = *rule.add_actions()->mutable_branch();
  branch.set_condition("expected_revenue > 1000");
  branch.add_then()->mutable_add_tags();
  (*branch.mutable_then(0)->mutable_add_tags()).add_tags("tags/x");
  pipeline::v1::CreateTagRequest tag;
  tag.set_tag_id("x");
  tag.mutable_tag()->set_display_name("x");
  Pipeline<type::v1::Tag>(tag);
  DryRunRuleRequest request;
  *request.mutable_rule() = rule;
  request.mutable_rule()->set_display_name("tried");
  const auto told = Automation<DryRunRuleResponse>(request);
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(told->match_count(), 5);
  EXPECT_EQ(told->lead_count(), 5);
  EXPECT_FALSE(told->incomplete());
  int large = 0;
  for (const auto& match : told->matches()) {
    EXPECT_EQ(match.event_type(), "lead.stage_changed");
    EXPECT_EQ(match.actions(0), "set the priority to 1");
    large += match.actions_size() == 2 && match.actions(1) == "add tags/x";
  }
  EXPECT_EQ(large, 2);
  EXPECT_THAT(Runs(), IsEmpty());
  for (const std::string& lead : leads) EXPECT_EQ(GetLead(lead).priority(), 0);

  // Of leads that are there: the stays that would have been too long in the month.
  Rule stale = OnEntry(kQualified);
  stale.mutable_trigger()->mutable_stage_overstayed()->mutable_duration()->set_seconds(86400);
  *request.mutable_rule() = stale;
  request.mutable_rule()->set_display_name("stale");
  EXPECT_EQ(Automation<DryRunRuleResponse>(request)->match_count(), 0);
  suite_->Advance(std::chrono::days(2));
  EXPECT_EQ(Automation<DryRunRuleResponse>(request)->match_count(), 5);

  DryRunRuleRequest saved;
  saved.set_name("rules/stage-activity");
  EXPECT_EQ(Automation<DryRunRuleResponse>(saved)->match_count(), 5);
  saved.set_name("rules/none");
  EXPECT_EQ(Automation<DryRunRuleResponse>(saved).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace embudo::testing
