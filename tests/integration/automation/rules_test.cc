// Rules over the whole way: a change in the pipeline, its event, the run, and the call back into the pipeline.

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/event/consumer.h"
#include "tests/integration/automation/suite.h"

namespace embudo::testing {
namespace {

using AutomationTest = AutomationCase;

Rule OnDescription(const std::string& from, const std::string& to) {
  Rule rule;
  rule.set_enabled(true);
  rule.mutable_trigger()->mutable_lead_updated()->add_fields("description");
  rule.set_condition("description = \"" + from + "\"");
  (*rule.add_actions()->mutable_update_fields()->mutable_fields())["description"].set_string_value(to);
  return rule;
}

TEST(Migration, HasTheTablesOfAConsumer) {
  EXPECT_THAT(std::string(automation::storage::Migrations()[0].sql),
              ::testing::HasSubstr(event::ConsumerTablesSql("automation")));
}

TEST_F(AutomationTest, ATenantBeginsWithRulesThatAreSwitchedOff) {
  const auto rules = Automation<automation::v1::ListRulesResponse>(automation::v1::ListRulesRequest());
  ASSERT_TRUE(rules.ok()) << rules.status();
  std::vector<std::string> names;
  for (const Rule& rule : rules->rules()) {
    names.push_back(rule.name());
    EXPECT_EQ(rule.enabled(), rule.name() == "rules/stage-entry-template") << rule.name();
    EXPECT_EQ(rule.rule_version(), 1);
  }
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre("rules/lead-assignment", "rules/follow-up-reminder", "rules/stage-email",
                                              "rules/lead-enrichment", "rules/stale-deal-alert", "rules/stage-activity",
                                              "rules/stage-entry-template"));
  CreateLead();
  ASSERT_TRUE(Eventually([&] { return EventsTakenIn("lead.created") == 1; }));
  EXPECT_THAT(Runs(), ::testing::IsEmpty());
}

TEST_F(AutomationTest, NewLeadsAreAssignedInTurn) {
  AddMember("paused", true);
  AddMember("gone", false, true);
  ASSERT_TRUE(Eventually([&] { return Count("member") == 5 && Count("disabled_user") == 1; }));
  SwitchOn("rules/lead-assignment");
  constexpr int kLeads = 30;
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < kLeads / 3; ++i) CreateLead();
    });
  }
  for (std::thread& caller : callers) caller.join();

  std::map<std::string, int> dealt;
  for (const AutomationRun& run : SettledRuns(kLeads)) {
    EXPECT_EQ(run.state(), AutomationRun::STATE_SUCCEEDED) << run.DebugString();
    ASSERT_EQ(run.results_size(), 1);
    const automation::v1::Assignment& assignment = run.results(0).assignment();
    EXPECT_EQ(assignment.eligible_count(), 3);
    EXPECT_EQ(assignment.member_count(), 5);
    const Lead lead = GetLead(run.lead());
    EXPECT_EQ(lead.owner(), assignment.owner());
    ++dealt[lead.owner()];
  }
  EXPECT_EQ(dealt, (std::map<std::string, int>{{"users/ada", 10}, {"users/bob", 10}, {"users/cyd", 10}}));
  EXPECT_EQ(Sql("SELECT turn FROM automation.rotation WHERE tenant_id = $1")[0].Int(0), kLeads);
}

TEST_F(AutomationTest, AnOwnerIsNeverReplaced) {
  Rule rule;
  rule.set_enabled(true);
  rule.mutable_trigger()->mutable_lead_created();
  rule.add_actions()->mutable_assign();
  ASSERT_TRUE(CreateRule("assign-all", rule).ok());
  pipeline::v1::CreateLeadRequest request;
  request.mutable_lead()->set_display_name("Owned");
  request.mutable_lead()->set_team(kTeam);
  request.mutable_lead()->set_owner("users/bob");
  const Lead lead = Pipeline<Lead>(request);
  const auto runs = SettledRuns(1);
  EXPECT_EQ(runs.at(0).results(0).outcome(), automation::v1::ActionResult::OUTCOME_SKIPPED);
  EXPECT_EQ(GetLead(lead.name()).owner(), "users/bob");
}

/// What a crash leaves behind that came after the calls and before their record: the run as it was taken up.
std::string CrashBeforeRecord(const std::string& results, Time now) {
  return "UPDATE automation.run SET state = 'RUNNING', results = " + results +
         ", end_time = NULL, next_attempt_time = '" + FormatTime(now) +
         "',  version = version + 1 WHERE tenant_id = $1";
}

TEST_F(AutomationTest, AStageThatIsEnteredPlansOneActivityWhateverCrashes) {
  SwitchOn("rules/stage-activity");
  const Lead lead = CreateLead();
  pipeline::v1::MoveLeadRequest move;
  move.set_name(lead.name());
  move.set_stage(kQualified);
  const Lead moved = Pipeline<Lead>(move);
  const AutomationRun run = SettledRuns(1).at(0);
  EXPECT_EQ(run.event_type(), "lead.stage_changed");
  const auto activities = Activities(lead.name());
  ASSERT_EQ(activities.size(), 1U);
  EXPECT_EQ(run.results(0).resource(), activities[0].name());
  EXPECT_EQ(activities[0].type(), type::v1::Activity::TYPE_CALL);
  const Day moved_on = std::chrono::floor<std::chrono::days>(FromTimestamp(moved.update_time()));
  EXPECT_EQ(FromDate(activities[0].due_date()), moved_on + std::chrono::days(2));

  for (int crash = 1; crash <= 3; ++crash) {
    Sql(CrashBeforeRecord("'[]'", suite_->clock().Now()));
    ASSERT_TRUE(Eventually([&] {
      const auto runs = Runs("state = SUCCEEDED");
      return runs.size() == 1 && runs[0].attempts() == 1 + crash;
    }));
    EXPECT_EQ(Runs().at(0).results(0).resource(), activities[0].name());
  }
  EXPECT_EQ(Activities(lead.name()).size(), 1U);
}

TEST_F(AutomationTest, AnotherAttemptKeepsToTheDecision) {
  SwitchOn("rules/lead-assignment");
  const Lead lead = CreateLead();
  const AutomationRun run = SettledRuns(1).at(0);
  const std::string owner = GetLead(lead.name()).owner();
  // The crash came after the decision and the call, and before the end was put down.
  Sql(CrashBeforeRecord("jsonb_set(results, '{0,outcome}', '\"OUTCOME_DECIDED\"')", suite_->clock().Now()));
  ASSERT_TRUE(Eventually([&] { return Runs("state = SUCCEEDED AND attempts = 2").size() == 1; }));
  EXPECT_EQ(GetLead(lead.name()).owner(), owner);
  EXPECT_EQ(Runs().at(0).results(0).outcome(), automation::v1::ActionResult::OUTCOME_DONE);
  EXPECT_EQ(Sql("SELECT turn FROM automation.rotation WHERE tenant_id = $1")[0].Int(0), 1);
}

TEST_F(AutomationTest, ImportsAreTakenInAndAnsweredOnlyWhereAsked) {
  Rule rule;
  rule.set_enabled(true);
  rule.mutable_trigger()->mutable_lead_created();
  rule.set_condition("description = \"answer\"");
  rule.set_include_imports(true);
  rule.add_actions()->mutable_set_priority()->set_priority(2);
  ASSERT_TRUE(CreateRule("imports-too", rule).ok());
  SwitchOn("rules/lead-assignment");

  constexpr int kBatches = 9;
  constexpr int kBatch = 978;  // 8,802 leads, as many as a year of a real pipeline
  for (int b = 0; b < kBatches; ++b) {
    pipeline::v1::BulkUpsertLeadsRequest request;
    for (int i = 0; i < kBatch; ++i) {
      Lead& lead = *request.add_items()->mutable_lead();
      lead.set_display_name("Imported");
      lead.set_team(kTeam);
      lead.set_description(b == 0 && i < 5 ? "answer" : "");
      auto& id = *lead.add_external_ids();
      id.set_system("test");
      id.set_id(std::to_string(b * kBatch + i));
    }
    Pipeline<pipeline::v1::BulkUpsertLeadsResponse>(request);
  }
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(Eventually([&] { return EventsTakenIn("lead.created") == kBatches * kBatch; }));
  RecordProperty(
      "catch_up_ms",
      std::to_string(
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count()));
  const auto runs = SettledRuns(5);
  EXPECT_EQ(Runs().size(), 5U);
  for (const AutomationRun& run : runs) {
    EXPECT_EQ(run.rule(), "rules/imports-too");
    EXPECT_EQ(GetLead(run.lead()).priority(), 2);
  }
  EXPECT_EQ(Sql("SELECT count(*) FROM automation.dead_letter WHERE $1 <> ''")[0].Int(0), 0);
}

TEST_F(AutomationTest, ChainsAreCutVisibly) {
  ASSERT_TRUE(CreateRule("ping", OnDescription("ping", "pong")).ok());
  ASSERT_TRUE(CreateRule("pong", OnDescription("pong", "ping")).ok());
  const Lead lead = CreateLead();
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead.name());
  update.mutable_lead()->set_description("ping");
  Pipeline<Lead>(update);
  const auto runs = SettledRuns(9);
  ASSERT_EQ(runs.size(), 9U);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(runs[i].depth(), i + 1);
    EXPECT_EQ(runs[i].state(), AutomationRun::STATE_SUCCEEDED);
  }
  EXPECT_EQ(runs[8].state(), AutomationRun::STATE_DEAD);
  EXPECT_THAT(runs[8].error(), ::testing::StartsWith("DEPTH_EXCEEDED"));
  EXPECT_EQ(GetLead(lead.name()).description(), "ping");
}

TEST_F(AutomationTest, ARuleDoesNotSetItselfOff) {
  Rule rule = OnDescription("x", "y");
  rule.set_condition("description:*");
  ASSERT_TRUE(CreateRule("once", rule).ok());
  const Lead lead = CreateLead();
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead.name());
  update.mutable_lead()->set_description("x");
  Pipeline<Lead>(update);
  SettledRuns(1);
  ASSERT_TRUE(Eventually([&] { return EventsTakenIn("lead.updated") == 2; }));
  EXPECT_EQ(Runs().size(), 1U);
  EXPECT_EQ(GetLead(lead.name()).description(), "y");
}

TEST_F(AutomationTest, ARunWithoutAMemberWaitsAndCanBeTakenUpAgain) {
  pipeline::v1::CreateTeamRequest create;
  create.set_team_id("empty");
  create.mutable_team()->set_display_name("Empty");
  Pipeline<type::v1::Team>(create);
  Rule rule;
  rule.set_enabled(true);
  rule.mutable_trigger()->mutable_lead_created();
  rule.add_actions()->mutable_assign()->set_team("teams/empty");
  ASSERT_TRUE(CreateRule("to-empty", rule).ok());
  const Lead lead = CreateLead();
  ASSERT_TRUE(Eventually([&] { return Runs("state = FAILED").size() == 1; }));
  const AutomationRun failed = Runs().at(0);
  EXPECT_THAT(failed.error(), ::testing::StartsWith("NO_ELIGIBLE_MEMBER"));
  EXPECT_TRUE(failed.has_next_attempt_time());
  EXPECT_EQ(failed.results(0).outcome(), automation::v1::ActionResult::OUTCOME_FAILED);

  pipeline::v1::CreateMembershipRequest join;
  join.set_parent("teams/empty");
  join.mutable_membership()->set_user("users/cyd");
  Pipeline<type::v1::Membership>(join);
  ASSERT_TRUE(Eventually([&] { return Count("member") == 4; }));
  automation::v1::RetryRunRequest retry;
  retry.set_name(failed.name());
  // It may have been taken up again by itself meanwhile.
  const auto retried = Automation<AutomationRun>(retry);
  EXPECT_TRUE(retried.ok() || ReasonOf(retried.status()) == "RUN_NOT_FAILED") << retried.status();
  EXPECT_EQ(SettledRuns(1).at(0).state(), AutomationRun::STATE_SUCCEEDED);
  EXPECT_EQ(GetLead(lead.name()).owner(), "users/cyd");
  EXPECT_EQ(GetLead(lead.name()).team(), "teams/empty");
  EXPECT_EQ(ReasonOf(Automation<AutomationRun>(retry).status()), "RUN_NOT_FAILED");
}

TEST_F(AutomationTest, WhatHappenedWhileTheServiceWasAwayIsAnswered) {
  SwitchOn("rules/lead-assignment");
  std::vector<std::string> leads;
  suite_->Stop("automation");
  for (int i = 0; i < 6; ++i) leads.push_back(CreateLead().name());
  suite_->Start("automation");
  operator_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "automation");
  SettledRuns(6);
  std::map<std::string, int> dealt;
  for (const std::string& lead : leads) ++dealt[GetLead(lead).owner()];
  EXPECT_EQ(dealt, (std::map<std::string, int>{{"users/ada", 2}, {"users/bob", 2}, {"users/cyd", 2}}));
}

TEST_F(AutomationTest, ConditionsFindStagesByTheirDisplayName) {
  Rule rule;
  rule.set_enabled(true);
  rule.mutable_trigger()->mutable_stage_entered();
  rule.set_condition("stage.display_name = \"Qualified\" AND previous.stage.display_name = \"New\"");
  rule.add_actions()->mutable_set_priority()->set_priority(3);
  ASSERT_TRUE(Eventually([&] {
    return Sql("SELECT count(*) FROM automation.name WHERE tenant_id = $1 AND type = 'Stage'")[0].Int(0) == 5;
  }));
  const auto created = CreateRule("by-name", rule);
  ASSERT_TRUE(created.ok()) << created.status();
  const Lead lead = CreateLead();
  pipeline::v1::MoveLeadRequest move;
  move.set_name(lead.name());
  move.set_stage(kQualified);
  Pipeline<Lead>(move);
  SettledRuns(1);
  EXPECT_EQ(GetLead(lead.name()).priority(), 3);
  EXPECT_EQ(GetLead(lead.name()).priority_source(), Lead::PRIORITY_SOURCE_RULE);
}

TEST_F(AutomationTest, RulesAreCheckedWhenSavedAndCountTheirVersions) {
  Rule rule = OnDescription("a", "b");
  Rule wrong = rule;
  wrong.set_condition("expected_revenu > 5");
  EXPECT_EQ(ReasonOf(CreateRule("wrong", wrong).status()), "INVALID_FILTER");
  wrong = rule;
  wrong.clear_actions();
  EXPECT_EQ(CreateRule("wrong", wrong).status().code(), absl::StatusCode::kInvalidArgument);
  wrong = rule;
  (*wrong.mutable_actions(0)->mutable_update_fields()->mutable_fields())["headcount"].set_number_value(-5);
  EXPECT_EQ(CreateRule("wrong", wrong).status().code(), absl::StatusCode::kInvalidArgument);

  const auto created = CreateRule("counted", rule);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->rule_version(), 1);
  automation::v1::UpdateRuleRequest update;
  update.mutable_rule()->set_name("rules/counted");
  update.mutable_rule()->set_display_name("Renamed");
  update.mutable_rule()->set_condition("description = \"c\"");
  update.mutable_update_mask()->add_paths("display_name");
  EXPECT_EQ(Automation<Rule>(update)->rule_version(), 1);
  update.mutable_update_mask()->add_paths("condition");
  const auto changed = Automation<Rule>(update);
  EXPECT_EQ(changed->rule_version(), 2);
  EXPECT_EQ(changed->condition(), "description = \"c\"");
  ASSERT_EQ(changed->actions_size(), 1);
  EXPECT_EQ(changed->actions(0).update_fields().fields().at("description").string_value(), "b");

  automation::v1::DeleteRuleRequest remove;
  remove.set_name("rules/counted");
  ASSERT_TRUE(Automation<Rule>(remove).ok());
  operator_ = suite_->As(tenant_, type::v1::ROLE_REP, "users/ada", "automation");
  EXPECT_EQ(CreateRule("by-a-rep", rule).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace embudo::testing
