// What rules do: each action once, branches by the lead as it is, waits over days and versions.

#include <map>
#include <string>
#include <vector>

#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "tests/integration/automation/suite.h"

namespace embudo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ActionsTest : public AutomationCase {
 protected:
  std::string MakeTag(const std::string& id) {
    pipeline::v1::CreateTagRequest request;
    request.set_tag_id(id);
    request.mutable_tag()->set_display_name(id);
    return Pipeline<type::v1::Tag>(request).name();
  }
  std::vector<type::v1::Notification> NotificationsOf(const std::string& user) {
    pipeline::v1::ListNotificationsRequest request;
    request.set_parent(user);
    const auto page =
        suite_->As(tenant_, type::v1::ROLE_REP, user).Must<pipeline::v1::ListNotificationsResponse>(request);
    std::vector<type::v1::Notification> of_rules;
    for (const auto& notification : page.notifications()) {
      if (notification.kind() == type::v1::Notification::KIND_RULE) of_rules.push_back(notification);
    }
    return of_rules;
  }
  void SetManager(const std::string& user) {
    pipeline::v1::UpdateTeamRequest request;
    request.mutable_team()->set_name(kTeam);
    request.mutable_team()->set_manager(user);
    request.mutable_update_mask()->add_paths("manager");
    Pipeline<type::v1::Team>(request);
    ASSERT_TRUE(Eventually([&] {
      return Sql("SELECT count(*) FROM automation.team_manager WHERE tenant_id = $1 AND manager_id IS NOT NULL")[0].Int(
                 0) == 1;
    }));
  }
};

Rule OnCreation() {
  Rule rule;
  rule.mutable_trigger()->mutable_lead_created();
  return rule;
}

void SetDescription(Action& action, const std::string& text) {
  (*action.mutable_update_fields()->mutable_fields())["description"].set_string_value(text);
}

TEST_F(ActionsTest, EachIsDoneInOrderAndOnce) {
  const std::string tag = MakeTag("vip");
  AddUser("boss", false, type::v1::ROLE_MANAGER);
  SetManager("users/boss");
  CatchUp();
  Rule rule = OnCreation();
  rule.add_actions()->mutable_add_tags()->add_tags(tag);
  rule.add_actions()->mutable_set_priority()->set_raise(2);
  auto& notify = *rule.add_actions()->mutable_notify();
  notify.set_manager(true);
  notify.add_users("users/ada");
  notify.set_text("A lead came");
  auto& followers = *rule.add_actions()->mutable_add_followers();
  followers.add_users("users/bob");
  rule.add_actions()->mutable_move_stage()->set_stage(kQualified);
  rule.add_actions()->mutable_create_quote();
  Install("everything", rule);
  const Lead lead = CreateLead();
  const AutomationRun run = SettledRuns(1).at(0);
  ASSERT_EQ(run.state(), AutomationRun::STATE_SUCCEEDED) << run.DebugString();
  ASSERT_EQ(run.results_size(), 6);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(run.results(i).action(), std::to_string(i));
    EXPECT_EQ(run.results(i).outcome(), ActionResult::OUTCOME_DONE) << run.results(i).DebugString();
  }
  const Lead after = GetLead(lead.name());
  EXPECT_THAT(after.tags(), ElementsAre(tag));
  EXPECT_EQ(after.priority(), 2);
  EXPECT_EQ(after.stage(), kQualified);
  EXPECT_THAT(after.followers(), ::testing::Contains("users/bob"));
  EXPECT_EQ(NotificationsOf("users/boss").size(), 1u);
  ASSERT_EQ(NotificationsOf("users/ada").size(), 1u);
  EXPECT_EQ(NotificationsOf("users/ada")[0].text(), "A lead came");

  // The worker was lost after it had done all and before it could tell.
  Sql("UPDATE automation.run SET state = 'RUNNING', results = '[]', end_time = NULL, next_attempt_time = '" +
      FormatTime(suite_->clock().Now()) + "', version = version + 1 WHERE tenant_id = $1");
  ASSERT_TRUE(Eventually([&] { return Runs("state = SUCCEEDED AND attempts = 2").size() == 1; })) << Dump();
  EXPECT_EQ(NotificationsOf("users/boss").size(), 1u);
  EXPECT_EQ(GetLead(lead.name()).priority(), 2);
  pipeline::v1::ListQuotesRequest quotes;
  quotes.set_filter("lead = \"" + lead.name() + "\"");
  EXPECT_EQ(Pipeline<pipeline::v1::ListQuotesResponse>(quotes).quotes_size(), 1);
}

TEST_F(ActionsTest, ARoleIsToldButNotItsDisabledUsers) {
  AddUser("boss", false, type::v1::ROLE_MANAGER);
  AddUser("gone", true, type::v1::ROLE_MANAGER);
  CatchUp();
  Rule rule = OnCreation();
  rule.add_actions()->mutable_notify()->set_role(type::v1::ROLE_MANAGER);
  rule.mutable_actions(0)->mutable_notify()->set_text("For managers");
  Install("role", rule);
  CreateLead();
  EXPECT_EQ(SettledRuns(1).at(0).results(0).detail(), "notified users/boss");
  EXPECT_EQ(NotificationsOf("users/boss").size(), 1u);
}

TEST_F(ActionsTest, BranchesGoByTheLeadAndTheirWayIsKept) {
  Rule rule = OnCreation();
  auto& branch = *rule.add_actions()->mutable_branch();
  branch.set_condition("expected_revenue > 1000");
  SetDescription(*branch.add_then(), "large");
  auto& inner = *branch.add_else_()->mutable_branch();
  inner.set_condition("is_set(email)");
  SetDescription(*inner.add_then(), "small, with mail");
  inner.add_else_()->mutable_stop();
  rule.add_actions()->mutable_set_priority()->set_priority(1);
  Install("branching", rule);

  Lead large;
  large.set_team(kTeam);
  large.mutable_expected_revenue()->set_units(5000);
  large.mutable_expected_revenue()->set_currency_code("USD");
  Lead mail;
  mail.set_email("ada@example.com");
  const std::string first = CreateLead(large).name();
  const std::string second = CreateLead(mail).name();
  const std::string third = CreateLead(Lead()).name();
  SettledRuns(3);
  EXPECT_EQ(GetLead(first).description(), "large");
  EXPECT_EQ(GetLead(first).priority(), 1);
  EXPECT_EQ(GetLead(second).description(), "small, with mail");
  EXPECT_EQ(GetLead(second).priority(), 1);
  EXPECT_EQ(GetLead(third).priority(), 0);  // stopped
  std::map<std::string, std::vector<std::string>> ways;
  for (const AutomationRun& run : Runs()) {
    for (const ActionResult& result : run.results()) ways[run.lead()].push_back(result.action());
  }
  EXPECT_THAT(ways[first], ElementsAre("0", "0.then.0", "1"));
  EXPECT_THAT(ways[second], ElementsAre("0", "0.else.0", "0.else.0.then.0", "1"));
  EXPECT_THAT(ways[third], ElementsAre("0", "0.else.0", "0.else.0.else.0"));
}

TEST_F(ActionsTest, AWaitSleepsForDaysOverRestartsAndNewVersions) {
  Rule rule = OnCreation();
  SetDescription(*rule.add_actions(), "before");
  rule.add_actions()->mutable_wait()->mutable_duration()->set_seconds(3 * 86400);
  SetDescription(*rule.add_actions(), "after");
  Install("patient", rule);
  const Lead lead = CreateLead();
  const AutomationRun waiting = AwaitRuns(1, "state = WAITING").at(0);
  EXPECT_EQ(FromTimestamp(waiting.next_attempt_time()), suite_->clock().Now() + std::chrono::days(3));
  EXPECT_EQ(waiting.results(1).outcome(), ActionResult::OUTCOME_WAITING);
  EXPECT_EQ(GetLead(lead.name()).description(), "before");

  // Another version says something else; the run stays on its own.
  automation::v1::UpdateRuleRequest update;
  update.mutable_rule()->set_name("rules/patient");
  SetDescription(*update.mutable_rule()->add_actions(), "another version");
  update.mutable_update_mask()->add_paths("actions");
  EXPECT_EQ(Automation<Rule>(update)->rule_version(), 2);
  suite_->Advance(std::chrono::hours(71));
  suite_->Restart("automation");
  operator_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "automation");
  EXPECT_EQ(Runs("state = WAITING").size(), 1u);
  suite_->Advance(std::chrono::hours(2));
  const AutomationRun done = SettledRuns(1).at(0);
  EXPECT_EQ(done.state(), AutomationRun::STATE_SUCCEEDED) << done.DebugString();
  EXPECT_EQ(done.rule_version(), 1);
  EXPECT_EQ(GetLead(lead.name()).description(), "after");
}

TEST_F(ActionsTest, AFailedActionKeepsTheOthersBackAndIsTakenUpThere) {
  Rule rule = OnCreation();
  SetDescription(*rule.add_actions(), "done once");
  rule.add_actions()->mutable_move_stage()->set_stage(kProposal);
  rule.add_actions()->mutable_set_priority()->set_priority(3);
  Install("stuck", rule);
  Lead lead;
  lead.set_team(kTeam);
  const std::string name = CreateLead(lead).name();
  const AutomationRun dead = AwaitRuns(1, "state = DEAD").at(0);  // Qualified's criteria are not met
  EXPECT_EQ(dead.results_size(), 2);
  EXPECT_EQ(dead.results(1).outcome(), ActionResult::OUTCOME_FAILED);
  EXPECT_EQ(GetLead(name).priority(), 0);
  Describe(name, "changed by a person");
  Move(name, kQualified);
  pipeline::v1::UpdateLeadRequest tick;
  tick.mutable_lead()->set_name(name);
  for (const char* key : {"first_contact_made", "need_and_budget_confirmed", "discovery_call_done"}) {
    tick.mutable_lead()->add_checklist(key);
  }
  tick.mutable_update_mask()->add_paths("checklist");
  Pipeline<Lead>(tick);
  automation::v1::RetryRunRequest retry;
  retry.set_name(dead.name());
  ASSERT_TRUE(Automation<AutomationRun>(retry).ok());
  ASSERT_TRUE(Eventually([&] { return Runs("state = SUCCEEDED").size() == 1; })) << Dump();
  EXPECT_EQ(GetLead(name).stage(), kProposal);
  EXPECT_EQ(GetLead(name).priority(), 3);
  EXPECT_EQ(GetLead(name).description(), "changed by a person");
}

TEST_F(ActionsTest, AStagesTemplateAndARuleOfTheStageSendOneMail) {
  pipeline::v1::UpdateStageRequest stage;
  stage.mutable_stage()->set_name(kProposal);
  stage.mutable_stage()->set_entry_template("mailTemplates/proposal");
  stage.mutable_update_mask()->add_paths("entry_template");
  Pipeline<type::v1::Stage>(stage);
  SwitchOn("rules/stage-email");
  ASSERT_TRUE(Eventually([&] { return Count("stage_template") == 1; }));
  Lead lead;
  lead.set_email("ada@example.com");
  const std::string name = CreateLead(lead).name();
  Move(name, kProposal);
  for (const AutomationRun& run : SettledRuns(2)) {
    EXPECT_EQ(run.state(), AutomationRun::STATE_SUCCEEDED) << run.DebugString();
  }
  EXPECT_EQ(Count("mail"), 1);
  Move(name, kNegotiation);
  CatchUp();
  EXPECT_EQ(Runs().size(), 2u);
  Move(name, kProposal);  // another entry, another mail
  SettledRuns(4);
  EXPECT_EQ(Count("mail"), 2);
}

TEST_F(ActionsTest, TriggersOfWhatBelongsToALeadAskTheLead) {
  Rule rule;
  rule.mutable_trigger()->mutable_activity_done()->set_type(type::v1::Activity::TYPE_CALL);
  rule.set_condition("description = \"yes\"");
  rule.add_actions()->mutable_set_priority()->set_priority(2);
  Install("after-calls", rule);
  const auto call = [&](const std::string& lead, type::v1::Activity::Type type) {
    pipeline::v1::CreateActivityRequest create;
    create.set_parent(lead);
    create.mutable_activity()->set_type(type);
    create.mutable_activity()->set_summary("Call");
    *create.mutable_activity()->mutable_due_date() =
        ToDate(std::chrono::floor<std::chrono::days>(suite_->clock().Now()));
    pipeline::v1::CompleteActivityRequest complete;
    complete.set_name(Pipeline<type::v1::Activity>(create).name());
    Pipeline<type::v1::Activity>(complete);
  };
  const std::string yes = CreateLead(kTeam, "yes").name();
  const std::string no = CreateLead(kTeam, "no").name();
  call(yes, type::v1::Activity::TYPE_CALL);
  call(no, type::v1::Activity::TYPE_CALL);
  call(yes, type::v1::Activity::TYPE_MEETING);
  std::map<std::string, AutomationRun::State> states;
  for (const AutomationRun& run : SettledRuns(2)) states[run.lead()] = run.state();
  EXPECT_EQ(states[yes], AutomationRun::STATE_SUCCEEDED);
  EXPECT_EQ(states[no], AutomationRun::STATE_DROPPED);
  EXPECT_EQ(GetLead(yes).priority(), 2);
  EXPECT_EQ(GetLead(no).priority(), 0);
  CatchUp();
  EXPECT_EQ(Runs().size(), 2u);
}

}  // namespace
}  // namespace embudo::testing
