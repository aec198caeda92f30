#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/app/free_port.h"
#include "common/base/error.h"
#include "common/testing/eventually.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/automation/v1/run_service.pb.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/automation/bind.h"
#include "services/automation/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

using automation::v1::Action;
using automation::v1::ActionResult;
using automation::v1::Rule;
using type::v1::Lead;
using AutomationRun = automation::v1::Run;

inline constexpr char kTeam[] = "teams/sales";
inline constexpr char kNew[] = "pipelines/default/stages/new";
inline constexpr char kQualified[] = "pipelines/default/stages/qualified";
inline constexpr char kProposal[] = "pipelines/default/stages/proposal";
inline constexpr char kNegotiation[] = "pipelines/default/stages/negotiation";

/// Pipeline and automation over a database and a Redis of their own, with a clock that the test moves. Each test has a
/// tenant of its own, with the default pipeline and a team of three: ada, bob, cyd.
class AutomationCase : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    suite_ = std::make_unique<Suite>(std::vector<ServiceUnderTest>{
        {"pipeline", pipeline::Bind, &pipeline::storage::Migrations()},
        {"automation", automation::Bind, &automation::storage::Migrations(), AutomationOptions()}});
  }
  static void TearDownTestSuite() { suite_.reset(); }
  /// The automation service's own flags.
  static std::map<std::string, std::string> AutomationOptions() {
    return {{"hook-http-listen", hook_address_}, {"private-webhook-targets", "true"}};
  }

  void SetUp() override {
    for (const char* user : {"ada", "bob", "cyd"}) AddMember(user);
    // The rules come with the tenant's creation, the members by events of their own.
    ASSERT_TRUE(Eventually([&] { return Count("rule") > 0 && Count("member") == 3; }));
  }

  /// A call of the pipeline, as an administrator, that must succeed.
  template <class Response>
  Response Pipeline(const google::protobuf::Message& request) {
    return admin_.Must<Response>(request);
  }
  /// A call of automation.
  template <class Response>
  absl::StatusOr<Response> Automation(const google::protobuf::Message& request) {
    return operator_.Call<Response>(request);
  }

  void AddUser(const std::string& id, bool disabled = false, type::v1::Role role = type::v1::ROLE_REP) {
    pipeline::v1::CreateUserRequest create;
    create.set_user_id(id);
    create.mutable_user()->set_display_name(id);
    create.mutable_user()->set_disabled(disabled);
    create.mutable_user()->add_roles(role);
    Pipeline<type::v1::User>(create);
  }
  void AddMember(const std::string& user, bool paused = false, bool disabled = false) {
    AddUser(user, disabled);
    pipeline::v1::CreateMembershipRequest join;
    join.set_parent(kTeam);
    join.set_membership_id(user);
    join.mutable_membership()->set_user("users/" + user);
    join.mutable_membership()->set_paused(paused);
    Pipeline<type::v1::Membership>(join);
  }

  Lead CreateLead(Lead lead) {
    pipeline::v1::CreateLeadRequest request;
    if (lead.display_name().empty()) lead.set_display_name("A deal");
    lead.add_checklist("first_contact_made");
    *request.mutable_lead() = std::move(lead);
    return Pipeline<Lead>(request);
  }
  Lead CreateLead(const std::string& team = kTeam, const std::string& description = "") {
    Lead lead;
    lead.set_team(team);
    lead.set_description(description);
    return CreateLead(std::move(lead));
  }
  Lead GetLead(const std::string& name) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(name);
    return Pipeline<Lead>(request);
  }
  Lead Move(const std::string& lead, const std::string& stage) {
    pipeline::v1::MoveLeadRequest move;
    move.set_name(lead);
    move.set_stage(stage);
    move.set_override_reason("a test");
    return Pipeline<Lead>(move);
  }
  Lead Describe(const std::string& lead, const std::string& description) {
    pipeline::v1::UpdateLeadRequest update;
    update.mutable_lead()->set_name(lead);
    update.mutable_lead()->set_description(description);
    update.mutable_update_mask()->add_paths("description");
    return Pipeline<Lead>(update);
  }
  std::vector<type::v1::Activity> Activities(const std::string& lead) {
    pipeline::v1::ListActivitiesRequest request;
    request.set_parent(lead);
    const auto page = Pipeline<pipeline::v1::ListActivitiesResponse>(request);
    return {page.activities().begin(), page.activities().end()};
  }

  void SwitchOn(const std::string& rule) {
    automation::v1::UpdateRuleRequest request;
    request.mutable_rule()->set_name(rule);
    request.mutable_rule()->set_enabled(true);
    request.mutable_update_mask()->add_paths("enabled");
    const auto response = Automation<Rule>(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(response->enabled());
  }
  absl::StatusOr<Rule> CreateRule(const std::string& id, const Rule& rule) {
    automation::v1::CreateRuleRequest request;
    *request.mutable_rule() = rule;
    request.mutable_rule()->set_display_name(id);
    request.set_rule_id(id);
    return Automation<Rule>(request);
  }
  /// The same where nothing else than success will do; the rule is switched on.
  Rule Install(const std::string& id, Rule rule) {
    rule.set_enabled(true);
    const auto created = CreateRule(id, rule);
    EXPECT_TRUE(created.ok()) << id << ": " << created.status();
    return created.value_or(Rule());
  }

  std::vector<AutomationRun> Runs(const std::string& filter = "") {
    automation::v1::ListRunsRequest request;
    request.set_filter(filter);
    request.set_page_size(1000);
    request.set_order_by("create_time");
    const auto page = Automation<automation::v1::ListRunsResponse>(request);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    return {page->runs().begin(), page->runs().end()};
  }
  /// Waits for so many runs that match, and returns them.
  std::vector<AutomationRun> AwaitRuns(size_t count, const std::string& filter) {
    std::vector<AutomationRun> runs;
    EXPECT_TRUE(Eventually([&] {
      runs = Runs(filter);
      return runs.size() >= count;
    })) << "only "
        << runs.size() << " of " << count << " runs are so: " << filter << "\n"
        << Dump();
    return runs;
  }
  std::vector<AutomationRun> SettledRuns(size_t count) {
    return AwaitRuns(count, "state = SUCCEEDED OR state = DEAD OR state = DROPPED");
  }
  std::string Dump() {
    std::string text;
    for (const AutomationRun& run : Runs()) text += run.ShortDebugString() + "\n";
    return text;
  }

  /// Rows of a statement about the tenant, `$1`.
  db::Result Sql(const std::string& statement) { return suite_->Query(statement, db::Params::Of(tenant_)); }
  int64_t Count(const std::string& table) {
    return Sql("SELECT count(*) FROM automation." + table + " WHERE tenant_id = $1")[0].Int(0);
  }
  int64_t EventsTakenIn(const std::string& type) {
    return Sql("SELECT coalesce(sum(count), 0)::bigint FROM automation.event_count WHERE tenant_id = $1 AND type = '" +
               type + "'")[0]
        .Int(0);
  }
  /// Waits until all events that were committed before have been taken in.
  static void CatchUp() {
    EXPECT_TRUE(Eventually([] {
      const db::Result behind = suite_->Query(
          "SELECT (SELECT count(*) FROM pipeline.event_pending)"
          " + (SELECT count(*) FROM pipeline.event_head h JOIN automation.consumer_checkpoint c USING (partition)"
          "    WHERE h.position <> c.position)");
      return behind[0].Int(0) == 0;
    })) << "dead letters: "
        << suite_->Query("SELECT coalesce(string_agg(error, '; '), 'none') FROM automation.dead_letter")[0].Text(0);
  }

  /// Where other systems call.
  static inline const std::string hook_address_ = app::WithFreePort("127.0.0.1:0");
  static inline std::unique_ptr<Suite> suite_;
  const std::string tenant_ = suite_->NewTenant();
  Caller admin_ = suite_->As(tenant_, type::v1::ROLE_ADMIN);
  Caller operator_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "automation");
};

}  // namespace embudo::testing
