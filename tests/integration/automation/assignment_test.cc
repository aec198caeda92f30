// Who gets which lead: rules of every strategy, territories, and the bulk assignment.

#include <map>
#include <set>

#include "embudo/automation/v1/assignment_service.pb.h"
#include "embudo/automation/v1/operation_service.pb.h"
#include "tests/integration/automation/suite.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using automation::v1::AssignLeadsSummary;
using automation::v1::AssignmentDecision;
using automation::v1::Territory;
using google::longrunning::Operation;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kRequestId[] = "7f0d3e3a-4d2b-4c53-9a54-0d7f1c1f1a22";

class AssignmentTest : public AutomationCase {
 protected:
  Rule Assigning(Action::Assign assign) {
    Rule rule;
    rule.mutable_trigger()->mutable_lead_created();
    rule.set_condition("NOT is_set(owner)");
    *rule.add_actions()->mutable_assign() = std::move(assign);
    return rule;
  }
  /// The owner that a lead comes to have.
  std::string OwnerOf(const std::string& lead) {
    std::string owner;
    EXPECT_TRUE(Eventually([&] { return !(owner = GetLead(lead).owner()).empty(); })) << Dump();
    return owner;
  }
  std::vector<AssignmentDecision> Decisions(const std::string& filter) {
    automation::v1::ListAssignmentDecisionsRequest list;
    list.set_filter(filter);
    list.set_page_size(1000);
    const auto page = Automation<automation::v1::ListAssignmentDecisionsResponse>(list);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    return {page->assignment_decisions().begin(), page->assignment_decisions().end()};
  }
  AssignmentDecision DecisionOf(const std::string& lead) {
    std::vector<AssignmentDecision> decisions;
    EXPECT_TRUE(Eventually([&] {
      decisions = Decisions("lead = \"" + lead + "\"");
      return decisions.size() == 1 && decisions[0].state() == AssignmentDecision::STATE_DONE;
    })) << decisions.size();
    return decisions.empty() ? AssignmentDecision() : decisions[0];
  }
  absl::StatusOr<Territory> MakeTerritory(const std::string& id, const std::string& filter, int position,
                                          const std::string& team, const std::vector<std::string>& users = {}) {
    automation::v1::CreateTerritoryRequest create;
    create.set_territory_id(id);
    create.mutable_territory()->set_display_name(id);
    create.mutable_territory()->set_filter(filter);
    create.mutable_territory()->set_position(position);
    create.mutable_territory()->set_team(team);
    create.mutable_territory()->mutable_users()->Assign(users.begin(), users.end());
    return Automation<Territory>(create);
  }
  Lead LeadOf(const std::string& country, const std::string& email = "") {
    Lead lead;
    lead.set_team(kTeam);
    lead.set_country(country);
    lead.set_email(email);
    return CreateLead(std::move(lead));
  }
  void SetCapacity(const std::string& user, int capacity) {
    pipeline::v1::UpdateMembershipRequest update;
    update.mutable_membership()->set_name(std::string(kTeam) + "/memberships/" + user);
    update.mutable_membership()->set_capacity(capacity);
    update.mutable_update_mask()->add_paths("capacity");
    Pipeline<type::v1::Membership>(update);
  }
  Operation Await(Operation operation) {
    automation::v1::GetOperationRequest get;
    get.set_name(operation.name());
    EXPECT_TRUE(Eventually([&] {
      if (!operation.done()) operation = *Automation<Operation>(get);
      return operation.done();
    }));
    return operation;
  }
  AssignLeadsSummary SummaryOf(const Operation& operation) {
    AssignLeadsSummary summary;
    EXPECT_TRUE(operation.response().UnpackTo(&summary)) << operation.ShortDebugString();
    return summary;
  }
};

TEST_F(AssignmentTest, TheLeastLoadedGetsItHoweverManyComeAtOnce) {
  Lead owned;
  owned.set_team(kTeam);
  owned.set_owner("users/ada");
  for (int i = 0; i < 3; ++i) CreateLead(owned);
  Action::Assign assign;
  assign.set_strategy(Action::Assign::STRATEGY_LEAST_LOADED);
  Install("least", Assigning(assign));
  std::vector<std::string> leads;
  for (int i = 0; i < 12; ++i) leads.push_back(CreateLead().name());
  std::map<std::string, int> counts;
  for (const std::string& lead : leads) ++counts[OwnerOf(lead)];
  EXPECT_EQ(counts["users/ada"], 2);
  EXPECT_EQ(counts["users/bob"], 5);
  EXPECT_EQ(counts["users/cyd"], 5);
  const AssignmentDecision decision = DecisionOf(leads[0]);
  EXPECT_EQ(decision.strategy(), "LEAST_LOADED");
  EXPECT_THAT(decision.reason(), AllOf(HasSubstr("has the fewest, "), HasSubstr("3 of 3 could take it")));
  EXPECT_THAT(decision.cause(), HasSubstr("runs/"));
}

TEST_F(AssignmentTest, CapacityIsUsedEvenlyAndThenUsedUp) {
  SetCapacity("ada", 4);
  SetCapacity("bob", 2);
  SetCapacity("cyd", 0);
  CatchUp();
  Action::Assign assign;
  assign.set_strategy(Action::Assign::STRATEGY_CAPACITY);
  assign.set_fallback("users/cyd");
  Install("capacity", Assigning(assign));
  std::map<std::string, int> counts;
  for (int i = 0; i < 7; ++i) ++counts[OwnerOf(CreateLead().name())];
  EXPECT_EQ(counts["users/ada"], 4);
  EXPECT_EQ(counts["users/bob"], 2);
  EXPECT_EQ(counts["users/cyd"], 1);
  EXPECT_THAT(Decisions("strategy = \"FALLBACK\""), SizeIs(1));
}

TEST_F(AssignmentTest, TerritoriesAreLookedAtInTheirOrder) {
  AddUser("dora");
  ASSERT_TRUE(MakeTerritory("rest", "", 9, kTeam).ok());
  ASSERT_TRUE(MakeTerritory("spain", "country = \"ES\"", 1, "", {"users/dora"}).ok());
  CatchUp();
  Action::Assign assign;
  assign.set_strategy(Action::Assign::STRATEGY_TERRITORY);
  Install("territory", Assigning(assign));
  const Lead spanish = LeadOf("ES");
  EXPECT_EQ(OwnerOf(spanish.name()), "users/dora");
  EXPECT_THAT(DecisionOf(spanish.name()).reason(), HasSubstr("it is in territories/spain; users/dora is next"));
  EXPECT_NE(OwnerOf(LeadOf("FR").name()), "users/dora");

  EXPECT_THAT(MakeTerritory("x", "country = ", 1, kTeam).status(),
              IsError(StatusCode::kInvalidArgument, "INVALID_FILTER"));
  EXPECT_THAT(BadFields(MakeTerritory("x", "", 1, kTeam, {"users/ada"}).status()), ElementsAre("territory.team"));
  EXPECT_THAT(MakeTerritory("spain", "", 1, kTeam), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  automation::v1::GetTerritoryRequest get;
  get.set_name("territories/spain");
  const std::string other = suite_->NewTenant();
  EXPECT_THAT(suite_->As(other, type::v1::ROLE_ADMIN, "users/x", "automation").Call<Territory>(get),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(suite_->As(tenant_, type::v1::ROLE_REP, "users/ada", "automation").Call<Territory>(get),
              IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
}

TEST_F(AssignmentTest, TheSameCustomerKeepsTheOwnerAndSourcesHaveRoutes) {
  Lead first;
  first.set_team(kTeam);
  first.set_owner("users/cyd");
  first.set_email("ada@customer.test");
  CreateLead(first);
  Action::Assign assign;
  assign.set_strategy(Action::Assign::STRATEGY_SOURCE);
  assign.set_sticky(true);
  auto& route = *assign.add_sources();
  route.set_source("fair");
  route.set_target("users/bob");
  Install("sticky", Assigning(assign));
  const Lead again = LeadOf("", "ada@customer.test");
  EXPECT_EQ(OwnerOf(again.name()), "users/cyd");
  EXPECT_EQ(DecisionOf(again.name()).strategy(), "STICKY");
  Lead from_fair;
  from_fair.set_team(kTeam);
  from_fair.set_source("fair");
  EXPECT_EQ(OwnerOf(CreateLead(from_fair).name()), "users/bob");

  Action::Assign wrong;
  wrong.set_fallback("nobody");
  EXPECT_THAT(BadFields(CreateRule("wrong", Assigning(wrong)).status()),
              ElementsAre("rule.actions[0].assign.fallback"));
}

TEST_F(AssignmentTest, BulkGivesADaysShareAndNoMoreThatDay) {
  for (const char* user : {"ada", "bob", "cyd"}) SetCapacity(user, 300);
  for (int i = 0; i < 40; ++i) {
    Lead lead;
    lead.set_email("p" + std::to_string(i / 2) + "@bulk.test");
    CreateLead(lead);
  }
  CatchUp();
  automation::v1::AssignLeadsRequest request;
  request.set_seed(7);
  request.set_validate_only(true);
  const AssignLeadsSummary plan = SummaryOf(*Automation<Operation>(request));
  EXPECT_EQ(plan.candidates(), 40);
  EXPECT_EQ(plan.assigned(), 30);
  EXPECT_EQ(plan.left(), 10);
  EXPECT_EQ(plan.plan_size(), 30);
  EXPECT_THAT(Decisions(""), IsEmpty());

  request.set_validate_only(false);
  request.set_request_id(kRequestId);
  const Operation begun = *Automation<Operation>(request);
  EXPECT_EQ(begun.name(), std::string("operations/") + kRequestId);
  const AssignLeadsSummary done = SummaryOf(Await(begun));
  EXPECT_EQ(done.assigned(), 30);
  EXPECT_EQ(done.overtaken(), 0);
  ASSERT_EQ(done.teams_size(), 1);
  for (const auto& member : done.teams(0).members()) EXPECT_EQ(member.assigned(), 10) << member.user();
  std::map<std::string, std::string> planned;
  for (const auto& each : plan.plan()) planned[each.lead()] = each.owner();
  std::map<std::string, std::set<std::string>> by_address;
  for (const auto& [name, owner] : planned) {
    const Lead lead = GetLead(name);
    EXPECT_EQ(lead.owner(), owner);
    EXPECT_EQ(lead.team(), kTeam);
    by_address[lead.email()].insert(lead.owner());
  }
  for (const auto& [address, owners] : by_address) EXPECT_THAT(owners, SizeIs(1)) << address;
  EXPECT_THAT(Decisions("state = DONE AND strategy = \"BULK\""), SizeIs(30));

  EXPECT_EQ(Automation<Operation>(request)->name(), begun.name());
  request.set_seed(8);
  EXPECT_THAT(Automation<Operation>(request), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  request.set_request_id("");
  EXPECT_EQ(SummaryOf(Await(*Automation<Operation>(request))).assigned(), 0) << "the day's share is used up";
  suite_->Advance(std::chrono::hours(25));
  EXPECT_EQ(SummaryOf(Await(*Automation<Operation>(request))).assigned(), 10);
}

TEST_F(AssignmentTest, BulkGoesOnAfterItsWorkerIsLostAndGivesNothingTwice) {
  for (const char* user : {"ada", "bob", "cyd"}) SetCapacity(user, 300);
  for (int i = 0; i < 12; ++i) CreateLead();
  CatchUp();
  automation::v1::AssignLeadsRequest request;
  const Operation operation = *Automation<Operation>(request);
  const AssignLeadsSummary done = SummaryOf(Await(operation));
  EXPECT_EQ(done.assigned(), 12);
  std::map<std::string, std::string> owners;
  for (const auto& decision : Decisions("state = DONE AND strategy = \"BULK\"")) {
    owners[decision.lead()] = GetLead(decision.lead()).owner();
  }
  ASSERT_THAT(owners, SizeIs(12));
  // All was done when the worker was lost, and it could not tell: another takes the operation up.
  Sql("UPDATE automation.operation SET state = 'RUNNING', end_time = NULL, response = NULL, lease_until = '" +
      FormatTime(suite_->clock().Now()) + "' WHERE tenant_id = $1");
  const AssignLeadsSummary again = SummaryOf(Await(operation));
  EXPECT_EQ(again.assigned(), 0);
  for (const auto& [lead, owner] : owners) EXPECT_EQ(GetLead(lead).owner(), owner);
  EXPECT_THAT(Decisions("state = DONE AND strategy = \"BULK\""), SizeIs(12));
}

TEST_F(AssignmentTest, BulkIsCalledOffBeforeItsNextStep) {
  for (const char* user : {"ada", "bob", "cyd"}) SetCapacity(user, 300);
  for (int i = 0; i < 12; ++i) CreateLead();
  CatchUp();
  const Operation first = *Automation<Operation>(automation::v1::AssignLeadsRequest());
  Await(first);
  // Its next step is the first one: nothing was given yet when it is called off.
  for (int i = 0; i < 3; ++i) CreateLead();
  CatchUp();
  Sql("UPDATE automation.operation SET state = 'RUNNING', end_time = NULL, response = NULL, cancel_requested = TRUE,"
      " lease_until = '" +
      FormatTime(suite_->clock().Now()) + "' WHERE tenant_id = $1");
  automation::v1::GetOperationRequest get;
  get.set_name(first.name());
  Operation ended;
  ASSERT_TRUE(Eventually([&] {
    ended = *Automation<Operation>(get);
    return ended.done();
  }));
  EXPECT_EQ(ended.error().code(), static_cast<int>(StatusCode::kCancelled));
  EXPECT_THAT(Decisions("state = DONE AND strategy = \"BULK\""), SizeIs(12));
}

TEST_F(AssignmentTest, BulkIsForManagersAndKeepsToItsTenant) {
  automation::v1::AssignLeadsRequest request;
  request.set_filter("country = ");
  EXPECT_THAT(Automation<Operation>(request), IsError(StatusCode::kInvalidArgument, "INVALID_FILTER"));
  request.set_filter("");
  EXPECT_THAT(suite_->As(tenant_, type::v1::ROLE_REP, "users/ada", "automation").Call<Operation>(request),
              IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  const Operation operation = *Automation<Operation>(request);
  automation::v1::GetOperationRequest get;
  get.set_name(operation.name());
  const std::string other = suite_->NewTenant();
  EXPECT_THAT(suite_->As(other, type::v1::ROLE_ADMIN, "users/x", "automation").Call<Operation>(get),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_EQ(SummaryOf(Await(operation)).candidates(), 0);
}

TEST_F(AssignmentTest, SettingsPauseTeamsFilterThemAndStartTheDaysRun) {
  CreateLead(Lead());
  automation::v1::UpdateAssignmentSettingsRequest update;
  auto& settings = *update.mutable_assignment_settings();
  settings.set_name("assignmentSettings/default");
  settings.add_teams()->set_team(kTeam);
  settings.mutable_teams(0)->set_paused(true);
  settings.mutable_teams(0)->set_filter("country = ");
  EXPECT_THAT(Automation<automation::v1::AssignmentSettings>(update),
              IsError(StatusCode::kInvalidArgument, "INVALID_FILTER"));
  settings.mutable_teams(0)->set_filter("");
  ASSERT_TRUE(Automation<automation::v1::AssignmentSettings>(update).ok());
  automation::v1::AssignLeadsRequest request;
  EXPECT_EQ(SummaryOf(Await(*Automation<Operation>(request))).teams_size(), 0);

  settings.clear_teams();
  settings.set_daily(true);
  settings.mutable_daily_time()->set_hours(10);
  update.mutable_update_mask()->add_paths("teams");
  update.mutable_update_mask()->add_paths("daily");
  update.mutable_update_mask()->add_paths("daily_time");
  ASSERT_TRUE(Automation<automation::v1::AssignmentSettings>(update).ok());
  suite_->Advance(std::chrono::hours(24));
  EXPECT_TRUE(Eventually([&] { return Decisions("strategy = \"BULK\"").size() == 1; }));
  automation::v1::ListOperationsRequest list;
  EXPECT_THAT(Automation<automation::v1::ListOperationsResponse>(list)->operations(), SizeIs(Ge(2)));
}

}  // namespace
}  // namespace embudo::testing
