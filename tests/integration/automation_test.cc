// Rules over the whole way: a change in the pipeline, its event, the run, and the call back into the pipeline.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/event/consumer.h"
#include "common/rpc/server.h"
#include "common/testing/eventually.h"
#include "common/testing/postgres.h"
#include "common/testing/redis.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/automation/v1/run_service.pb.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "services/automation/bind.h"
#include "services/automation/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"

namespace embudo {
namespace {

using automation::v1::Rule;
using testing::Eventually;
using type::v1::Lead;
using AutomationRun = automation::v1::Run;

constexpr char kTeam[] = "teams/sales";
constexpr char kQualified[] = "pipelines/default/stages/qualified";

/// One service, served in this process until it is destroyed.
class Hosted {
 public:
  Hosted(const app::BindFunction& bind, app::Config config) : config_(std::move(config)) {
    const absl::Status bound = bind({config_, Clock::System(), metrics_, rpc::DevCredentials()}, bindings_);
    EXPECT_TRUE(bound.ok()) << bound;
    rpc::ServerOptions options;
    options.listen = "127.0.0.1:0";
    server_ = std::make_unique<rpc::Server>(options, rpc::DevAuthenticator(), metrics_);
    for (const auto& service : bindings_.services) server_->Add(*service);
    for (const auto& part : bindings_.background) part->Start();
    const absl::Status started = server_->Start();
    EXPECT_TRUE(started.ok()) << started;
    EXPECT_TRUE(bindings_.ready().ok()) << bindings_.ready();
    server_->SetReady(true);
  }
  ~Hosted() {
    server_->Shutdown(std::chrono::milliseconds(0), std::chrono::seconds(5));
    for (auto part = bindings_.background.rbegin(); part != bindings_.background.rend(); ++part) (*part)->Stop();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

 private:
  const app::Config config_;
  metrics::Registry metrics_;
  app::Bindings bindings_;
  std::unique_ptr<rpc::Server> server_;
};

/// The pipeline and automation services over a database and a Redis of their own.
struct Installation {
  Installation() {
    pipeline = std::make_unique<Hosted>(pipeline::Bind, ConfigOf("pipeline"));
    StartAutomation();
  }
  void StartAutomation() {
    app::Config config = ConfigOf("automation");
    config.pipeline_target = pipeline->address();
    automation = std::make_unique<Hosted>(automation::Bind, config);
  }
  app::Config ConfigOf(const std::string& service) const {
    app::Config config;
    config.service = service;
    config.postgres = database->conninfo();
    config.redis = redis.address();
    config.threads = 8;
    config.dev_identity = true;
    return config;
  }

  std::unique_ptr<testing::Database> database = testing::Postgres::Shared().CreateDatabase(
      {{"pipeline", &pipeline::storage::Migrations()}, {"automation", &automation::storage::Migrations()}});
  testing::Redis redis;
  std::unique_ptr<db::Pool> sql = database->PoolAs("postgres");
  std::unique_ptr<Hosted> pipeline;
  std::unique_ptr<Hosted> automation;
};

/// Each test has a tenant of its own, with the default pipeline and a team of three.
class AutomationTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { installation_ = std::make_unique<Installation>(); }
  static void TearDownTestSuite() { installation_.reset(); }

  AutomationTest() { Connect(); }

  void Connect() {
    const auto client = [](const Hosted& service) {
      return std::make_unique<rpc::Client>(
          rpc::ClientOptions{.target = service.address(), .credentials = rpc::DevCredentials()});
    };
    pipeline_ = client(*installation_->pipeline);
    automation_ = installation_->automation ? client(*installation_->automation) : nullptr;
  }

  void SetUp() override {
    admin_.tenant = tenant_;
    admin_.actor = "users/admin";
    admin_.roles = {type::v1::ROLE_ADMIN};
    pipeline::v1::CreateTenantRequest request;
    request.mutable_tenant()->set_display_name("Test");
    request.set_tenant_id(tenant_);
    Pipeline<type::v1::Tenant>("TenantService/CreateTenant", request);
    for (const char* user : {"ada", "bob", "cyd"}) AddMember(user);
    // The rules come with the tenant's creation, the members by events of their own.
    ASSERT_TRUE(Eventually([&] { return Count("rule") == 2 && Count("member") == 3; }));
  }

  template <class Response>
  Response Pipeline(const std::string& method, const google::protobuf::Message& request) {
    auto response = pipeline_->Call<Response>("embudo.pipeline.v1." + method, admin_, request);
    EXPECT_TRUE(response.ok()) << method << ": " << response.status();
    return response.ok() ? *response : Response();
  }
  template <class Response>
  absl::StatusOr<Response> Automation(const std::string& method, const google::protobuf::Message& request) {
    return automation_->Call<Response>("embudo.automation.v1." + method, admin_, request);
  }

  void AddMember(const std::string& user, bool paused = false, bool disabled = false) {
    pipeline::v1::CreateUserRequest create;
    create.set_user_id(user);
    create.mutable_user()->set_display_name(user);
    create.mutable_user()->set_disabled(disabled);
    Pipeline<type::v1::User>("TeamService/CreateUser", create);
    pipeline::v1::CreateMembershipRequest join;
    join.set_parent(kTeam);
    join.set_membership_id(user);
    join.mutable_membership()->set_user("users/" + user);
    join.mutable_membership()->set_paused(paused);
    Pipeline<type::v1::Membership>("TeamService/CreateMembership", join);
  }

  Lead CreateLead(const std::string& team = kTeam, const std::string& description = "") {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_team(team);
    request.mutable_lead()->set_description(description);
    request.mutable_lead()->add_checklist("first_contact_made");
    return Pipeline<Lead>("LeadService/CreateLead", request);
  }
  Lead GetLead(const std::string& name) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(name);
    return Pipeline<Lead>("LeadService/GetLead", request);
  }
  std::vector<type::v1::Activity> Activities(const std::string& lead) {
    pipeline::v1::ListActivitiesRequest request;
    request.set_parent(lead);
    const auto page = Pipeline<pipeline::v1::ListActivitiesResponse>("ActivityService/ListActivities", request);
    return {page.activities().begin(), page.activities().end()};
  }

  void SwitchOn(const std::string& rule) {
    automation::v1::UpdateRuleRequest request;
    request.mutable_rule()->set_name(rule);
    request.mutable_rule()->set_enabled(true);
    request.mutable_update_mask()->add_paths("enabled");
    const auto response = Automation<Rule>("RuleService/UpdateRule", request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(response->enabled());
  }
  absl::StatusOr<Rule> CreateRule(const std::string& id, const Rule& rule) {
    automation::v1::CreateRuleRequest request;
    *request.mutable_rule() = rule;
    request.mutable_rule()->set_display_name(id);
    request.set_rule_id(id);
    return Automation<Rule>("RuleService/CreateRule", request);
  }

  std::vector<AutomationRun> Runs(const std::string& filter = "") {
    automation::v1::ListRunsRequest request;
    request.set_filter(filter);
    request.set_page_size(1000);
    request.set_order_by("create_time");
    const auto page = Automation<automation::v1::ListRunsResponse>("RunService/ListRuns", request);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    return {page->runs().begin(), page->runs().end()};
  }
  std::vector<AutomationRun> SettledRuns(size_t count) {
    std::vector<AutomationRun> runs;
    EXPECT_TRUE(Eventually([&] {
      runs = Runs("state = SUCCEEDED OR state = DEAD");
      return runs.size() >= count;
    })) << "only "
        << runs.size() << " of " << count << " runs are over";
    return runs;
  }

  db::Result Sql(const std::string& statement) {
    auto result = db::Exec(*installation_->sql, "", db::After(testing::kPatience), statement, db::Params::Of(tenant_));
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  }
  int64_t Count(const std::string& table) {
    return Sql("SELECT count(*) FROM automation." + table + " WHERE tenant_id = $1")[0].Int(0);
  }
  int64_t EventsTakenIn(const std::string& type) {
    return Sql("SELECT coalesce(sum(count), 0)::bigint FROM automation.event_count WHERE tenant_id = $1 AND type = '" +
               type + "'")[0]
        .Int(0);
  }

  static std::unique_ptr<Installation> installation_;
  const std::string tenant_ = "t-" + Uuid::V7(Clock::System().Now()).ToString();
  rpc::Identity admin_;
  std::unique_ptr<rpc::Client> pipeline_;
  std::unique_ptr<rpc::Client> automation_;
};

std::unique_ptr<Installation> AutomationTest::installation_;

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
  const auto rules =
      Automation<automation::v1::ListRulesResponse>("RuleService/ListRules", automation::v1::ListRulesRequest());
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->rules_size(), 2);
  EXPECT_EQ(rules->rules(0).name(), "rules/lead-assignment");
  EXPECT_EQ(rules->rules(1).name(), "rules/stage-activity");
  EXPECT_FALSE(rules->rules(0).enabled());
  EXPECT_EQ(rules->rules(0).rule_version(), 1);
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
  const Lead lead = Pipeline<Lead>("LeadService/CreateLead", request);
  const auto runs = SettledRuns(1);
  EXPECT_EQ(runs.at(0).results(0).outcome(), automation::v1::ActionResult::OUTCOME_SKIPPED);
  EXPECT_EQ(GetLead(lead.name()).owner(), "users/bob");
}

/// What a crash leaves behind that came after the calls and before their record: the run as it was taken up.
std::string CrashBeforeRecord(const std::string& results) {
  return "UPDATE automation.run SET state = 'RUNNING', results = " + results +
         ", end_time = NULL, next_attempt_time = now(), version = version + 1 WHERE tenant_id = $1";
}

TEST_F(AutomationTest, AStageThatIsEnteredPlansOneActivityWhateverCrashes) {
  SwitchOn("rules/stage-activity");
  const Lead lead = CreateLead();
  pipeline::v1::MoveLeadRequest move;
  move.set_name(lead.name());
  move.set_stage(kQualified);
  const Lead moved = Pipeline<Lead>("LeadService/MoveLead", move);
  const AutomationRun run = SettledRuns(1).at(0);
  EXPECT_EQ(run.event_type(), "lead.stage_changed");
  const auto activities = Activities(lead.name());
  ASSERT_EQ(activities.size(), 1U);
  EXPECT_EQ(run.results(0).resource(), activities[0].name());
  EXPECT_EQ(activities[0].type(), type::v1::Activity::TYPE_CALL);
  const Day moved_on = std::chrono::floor<std::chrono::days>(FromTimestamp(moved.update_time()));
  EXPECT_EQ(FromDate(activities[0].due_date()), moved_on + std::chrono::days(2));

  for (int crash = 1; crash <= 3; ++crash) {
    Sql(CrashBeforeRecord("'[]'"));
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
  Sql(CrashBeforeRecord("jsonb_set(results, '{0,outcome}', '\"OUTCOME_DECIDED\"')"));
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
    Pipeline<pipeline::v1::BulkUpsertLeadsResponse>("LeadService/BulkUpsertLeads", request);
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
  Pipeline<Lead>("LeadService/UpdateLead", update);
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
  Pipeline<Lead>("LeadService/UpdateLead", update);
  SettledRuns(1);
  ASSERT_TRUE(Eventually([&] { return EventsTakenIn("lead.updated") == 2; }));
  EXPECT_EQ(Runs().size(), 1U);
  EXPECT_EQ(GetLead(lead.name()).description(), "y");
}

TEST_F(AutomationTest, ARunWithoutAMemberWaitsAndCanBeTakenUpAgain) {
  pipeline::v1::CreateTeamRequest create;
  create.set_team_id("empty");
  create.mutable_team()->set_display_name("Empty");
  Pipeline<type::v1::Team>("TeamService/CreateTeam", create);
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
  Pipeline<type::v1::Membership>("TeamService/CreateMembership", join);
  ASSERT_TRUE(Eventually([&] { return Count("member") == 4; }));
  automation::v1::RetryRunRequest retry;
  retry.set_name(failed.name());
  // It may have been taken up again by itself meanwhile.
  const auto retried = Automation<AutomationRun>("RunService/RetryRun", retry);
  EXPECT_TRUE(retried.ok() || ReasonOf(retried.status()) == "RUN_NOT_FAILED") << retried.status();
  EXPECT_EQ(SettledRuns(1).at(0).state(), AutomationRun::STATE_SUCCEEDED);
  EXPECT_EQ(GetLead(lead.name()).owner(), "users/cyd");
  EXPECT_EQ(GetLead(lead.name()).team(), "teams/empty");
  EXPECT_EQ(ReasonOf(Automation<AutomationRun>("RunService/RetryRun", retry).status()), "RUN_NOT_FAILED");
}

TEST_F(AutomationTest, WhatHappenedWhileTheServiceWasAwayIsAnswered) {
  SwitchOn("rules/lead-assignment");
  installation_->automation.reset();
  std::vector<std::string> leads;
  for (int i = 0; i < 6; ++i) leads.push_back(CreateLead().name());
  installation_->StartAutomation();
  Connect();
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
  Pipeline<Lead>("LeadService/MoveLead", move);
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
  EXPECT_EQ(Automation<Rule>("RuleService/UpdateRule", update)->rule_version(), 1);
  update.mutable_update_mask()->add_paths("condition");
  const auto changed = Automation<Rule>("RuleService/UpdateRule", update);
  EXPECT_EQ(changed->rule_version(), 2);
  EXPECT_EQ(changed->condition(), "description = \"c\"");
  ASSERT_EQ(changed->actions_size(), 1);
  EXPECT_EQ(changed->actions(0).update_fields().fields().at("description").string_value(), "b");

  automation::v1::DeleteRuleRequest remove;
  remove.set_name("rules/counted");
  ASSERT_TRUE(Automation<Rule>("RuleService/DeleteRule", remove).ok());
  admin_.roles = {type::v1::ROLE_REP};
  EXPECT_EQ(CreateRule("by-a-rep", rule).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace embudo
