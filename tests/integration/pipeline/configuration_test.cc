// What a tenant is set up with, beyond the standard methods: stages and their order, targets, defaults, references.

#include "common/base/money.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using type::v1::Lead;
using type::v1::Stage;
using type::v1::Target;

class ConfigurationTest : public PipelineTest {
 protected:
  pipeline::v1::ReorderStagesRequest OrderOf(const std::vector<std::string>& stages) const {
    pipeline::v1::ReorderStagesRequest request;
    request.set_parent("pipelines/default");
    for (const std::string& stage : stages) request.add_stages(stage);
    return request;
  }
  std::vector<std::string> Stages() const {
    pipeline::v1::ListStagesRequest request;
    request.set_parent("pipelines/default");
    const auto page = admin_.Must<pipeline::v1::ListStagesResponse>(request);
    std::vector<std::string> names;
    for (const Stage& stage : page.stages()) names.push_back(stage.name());
    return names;
  }
  absl::StatusOr<Stage> AddStage(const std::string& id, int sequence, bool is_won = false) const {
    pipeline::v1::CreateStageRequest request;
    request.set_parent("pipelines/default");
    request.set_stage_id(id);
    request.mutable_stage()->set_display_name(id);
    request.mutable_stage()->set_sequence(sequence);
    request.mutable_stage()->set_is_won(is_won);
    return admin_.Call<Stage>(request);
  }
  absl::StatusOr<Stage> SetWon(const std::string& name, bool is_won) const {
    pipeline::v1::UpdateStageRequest request;
    request.mutable_stage()->set_name(name);
    request.mutable_stage()->set_is_won(is_won);
    request.mutable_update_mask()->add_paths("is_won");
    return admin_.Call<Stage>(request);
  }
  absl::StatusOr<Stage> Delete(const std::string& name) const {
    pipeline::v1::DeleteStageRequest request;
    request.set_name(name);
    return admin_.Call<Stage>(request);
  }
  type::v1::Pipeline GetPipeline() const {
    pipeline::v1::GetPipelineRequest request;
    request.set_name("pipelines/default");
    return admin_.Must<type::v1::Pipeline>(request);
  }
  static pipeline::v1::CreateTargetRequest TargetRequest(const std::string& team, const std::string& user,
                                                         Target::Period period, int month) {
    pipeline::v1::CreateTargetRequest request;
    request.mutable_target()->set_team(team);
    request.mutable_target()->set_user(user);
    request.mutable_target()->set_period(period);
    request.mutable_target()->mutable_start_date()->set_year(2026);
    request.mutable_target()->mutable_start_date()->set_month(month);
    request.mutable_target()->mutable_start_date()->set_day(1);
    request.mutable_target()->mutable_amount()->set_units(50'000);
    return request;
  }
};

TEST_F(ConfigurationTest, ANewTenantHasActivityTypesAndExitCriteria) {
  const auto listed = admin_.Must<pipeline::v1::ListActivityTypesResponse>(pipeline::v1::ListActivityTypesRequest());
  std::vector<std::string> types;
  for (const auto& type : listed.activity_types()) {
    types.push_back(type.name() + " " + type.display_name() + " " + std::to_string(type.delay_count()));
  }
  EXPECT_THAT(types,
              ElementsAre("activityTypes/email Email 0", "activityTypes/call Call 2", "activityTypes/meeting Meeting 0",
                          "activityTypes/todo To-Do 5", "activityTypes/document Document 5"));
  pipeline::v1::ListStagesRequest list;
  list.set_parent("pipelines/default");
  const auto stages = admin_.Must<pipeline::v1::ListStagesResponse>(list);
  std::vector<std::string> criteria;
  for (const Stage& stage : stages.stages()) {
    for (const auto& criterion : stage.exit_criteria()) {
      EXPECT_EQ(criterion.mode(), type::v1::ExitCriterion::MODE_REQUIRED);
      criteria.push_back(stage.display_name() + " " + criterion.key());
    }
  }
  EXPECT_THAT(criteria, ElementsAre("New first_contact_made", "Qualified need_and_budget_confirmed",
                                    "Qualified discovery_call_done", "Proposal proposal_delivered",
                                    "Negotiation scope_and_price_agreed", "Negotiation contract_signed"));
}

TEST_F(ConfigurationTest, StagesGetANewOrderTogether) {
  const std::string lead = CreateLead().name();
  const auto reordered =
      admin_.Must<pipeline::v1::ReorderStagesResponse>(OrderOf({kQualified, kNew, kProposal, kNegotiation, kWon}));
  ASSERT_EQ(reordered.stages_size(), 5);
  EXPECT_EQ(reordered.stages(0).name(), kQualified);
  EXPECT_EQ(reordered.stages(0).sequence(), 10);
  EXPECT_EQ(reordered.stages(4).sequence(), 50);
  EXPECT_THAT(Stages(), ElementsAre(kQualified, kNew, kProposal, kNegotiation, kWon));
  EXPECT_THAT(TypesOf(EventsAbout(kQualified)), ElementsAre("stage.created", "stage.updated"));
  EXPECT_THAT(TypesOf(EventsAbout(kProposal)), ElementsAre("stage.created"));
  EXPECT_EQ(CreateLead().stage(), kQualified);
  EXPECT_EQ(GetLead(lead).stage(), kNew);
}

TEST_F(ConfigurationTest, AnOrderNamesEachStageOnceAndAWonOneLast) {
  const size_t events = Events().size();
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {kNew, kQualified, kProposal, kWon},
           {kNew, kQualified, kProposal, kNegotiation, kWon, kNew},
           {kNew, kQualified, kProposal, kNegotiation, kWon, "pipelines/default/stages/none"},
           {kNew, kQualified, kProposal, kWon, kNegotiation}}) {
    EXPECT_THAT(BadFields(admin_.Call<pipeline::v1::ReorderStagesResponse>(OrderOf(wrong)).status()),
                ElementsAre("stages"));
  }
  auto elsewhere = OrderOf({kNew});
  elsewhere.set_parent("pipelines/none");
  EXPECT_THAT(admin_.Call<pipeline::v1::ReorderStagesResponse>(elsewhere),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_EQ(Events().size(), events);
  EXPECT_THAT(rep_.Call<pipeline::v1::ReorderStagesResponse>(OrderOf({kNew})),
              IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
}

TEST_F(ConfigurationTest, ARepeatedOrderGetsTheFirstAnswer) {
  auto request = OrderOf({kQualified, kNew, kProposal, kNegotiation, kWon});
  request.set_validate_only(true);
  admin_.Must<pipeline::v1::ReorderStagesResponse>(request);
  EXPECT_THAT(Stages(), ElementsAre(kNew, kQualified, kProposal, kNegotiation, kWon));
  request.set_validate_only(false);
  request.set_request_id(NewRequestId());
  const auto first = admin_.Must<pipeline::v1::ReorderStagesResponse>(request);
  admin_.Must<pipeline::v1::ReorderStagesResponse>(OrderOf({kNew, kQualified, kProposal, kNegotiation, kWon}));
  EXPECT_THAT(admin_.Must<pipeline::v1::ReorderStagesResponse>(request), SameAs(first));
  EXPECT_THAT(Stages(), ElementsAre(kNew, kQualified, kProposal, kNegotiation, kWon));
  request.mutable_stages()->SwapElements(2, 3);
  EXPECT_THAT(admin_.Call<pipeline::v1::ReorderStagesResponse>(request),
              IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));

  // One that changes nothing uses its id up too.
  auto same = OrderOf({kNew, kQualified, kProposal, kNegotiation, kWon});
  same.set_request_id(NewRequestId());
  const auto unchanged = admin_.Must<pipeline::v1::ReorderStagesResponse>(same);
  admin_.Must<pipeline::v1::ReorderStagesResponse>(OrderOf({kQualified, kNew, kProposal, kNegotiation, kWon}));
  EXPECT_THAT(admin_.Must<pipeline::v1::ReorderStagesResponse>(same), SameAs(unchanged));
  EXPECT_EQ(Stages()[0], kQualified);
}

TEST_F(ConfigurationTest, WonnessStaysTrueOfTheLeads) {
  const std::string lead = CreateLead().name();
  EXPECT_THAT(SetWon(kNew, true), IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
  EXPECT_TRUE(SetWon(kQualified, true).ok());
  EXPECT_TRUE(SetWon(kQualified, false).ok());
  EXPECT_THAT(SetWon(kWon, false), IsError(StatusCode::kFailedPrecondition, "LAST_WON_STAGE"));
  EXPECT_THAT(Delete(kWon), IsError(StatusCode::kFailedPrecondition, "LAST_WON_STAGE"));
  const auto in_use = Delete(kNew);
  EXPECT_THAT(in_use, IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
  EXPECT_THAT(std::string(in_use.status().message()), HasSubstr("1 leads"));
  EXPECT_THAT(TypesOf(EventsAbout(kWon)), ElementsAre("stage.created"));

  ASSERT_TRUE(AddStage("delivered", 60, true).ok());
  EXPECT_TRUE(Delete(kWon).ok());  // there is another
  pipeline::v1::WinLeadRequest win;
  win.set_name(lead);
  win.set_override_reason("signed");
  EXPECT_EQ(manager_.Must<Lead>(win).stage(), "pipelines/default/stages/delivered");
  EXPECT_THAT(SetWon("pipelines/default/stages/delivered", false),
              IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
}

TEST_F(ConfigurationTest, ALostLeadDoesNotHoldAStagesKind) {
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(CreateLead().name());
  admin_.Must<Lead>(lose);
  EXPECT_TRUE(SetWon(kNew, true).ok());
  EXPECT_TRUE(Delete(kWon).ok());
  // An open one is in no won stage.
  pipeline::v1::RestoreLeadRequest restore;
  restore.set_name(lose.name());
  EXPECT_EQ(admin_.Must<Lead>(restore).stage(), kNegotiation);
}

TEST_F(ConfigurationTest, ManyStagesGiveAWarning) {
  EXPECT_THAT(GetPipeline().warnings(), IsEmpty());
  ASSERT_TRUE(AddStage("six", 41).ok());
  EXPECT_THAT(AddStage("seven", 42)->warnings(), IsEmpty());
  const auto eighth = AddStage("eight", 43);
  ASSERT_TRUE(eighth.ok()) << eighth.status();
  ASSERT_EQ(eighth->warnings_size(), 1);
  EXPECT_THAT(eighth->warnings(0), HasSubstr("8 stages"));
  EXPECT_THAT(GetPipeline().warnings(), ElementsAre(eighth->warnings(0)));
  pipeline::v1::CreatePipelineRequest create;
  create.set_pipeline_id("other");
  create.mutable_pipeline()->set_display_name("Other");
  EXPECT_THAT(admin_.Must<type::v1::Pipeline>(create).warnings(), IsEmpty());
  pipeline::v1::CreateStageRequest stage;
  stage.set_parent("pipelines/other");
  stage.mutable_stage()->set_display_name("First");
  EXPECT_THAT(admin_.Must<Stage>(stage).warnings(), IsEmpty());
  pipeline::v1::GetPipelineRequest get;
  get.set_name("pipelines/other");
  const auto other = admin_.Must<type::v1::Pipeline>(get);
  ASSERT_EQ(other.warnings_size(), 1);
  EXPECT_THAT(other.warnings(0), HasSubstr("no won stage"));
}

TEST_F(ConfigurationTest, AnActivityTypeThatAStageAsksForStays) {
  pipeline::v1::UpdateStageRequest update;
  update.mutable_stage()->set_name(kNew);
  auto* criterion = update.mutable_stage()->add_exit_criteria();
  criterion->set_key("called");
  criterion->set_display_name("Called");
  criterion->set_activity_type("activityTypes/call");
  admin_.Must<Stage>(update);
  pipeline::v1::DeleteActivityTypeRequest remove;
  remove.set_name("activityTypes/call");
  const auto refused = admin_.Call<type::v1::ActivityType>(remove);
  EXPECT_THAT(refused, IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("stages"));
  remove.set_name("activityTypes/meeting");
  EXPECT_TRUE(admin_.Call<type::v1::ActivityType>(remove).ok());
}

TEST_F(ConfigurationTest, ATargetIsOneATeamOrUserAndPeriod) {
  const std::string ana = CreateUser("ana");
  const Target target = admin_.Must<Target>(TargetRequest("teams/sales", "", Target::PERIOD_QUARTER, 4));
  EXPECT_EQ(ToNumeric(target.amount()) + target.amount().currency_code(), "50000USD");
  const auto taken = admin_.Call<Target>(TargetRequest("teams/sales", "", Target::PERIOD_QUARTER, 4));
  EXPECT_THAT(taken, IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(taken.status()).resource_name(), target.name());
  admin_.Must<Target>(TargetRequest("teams/sales", "", Target::PERIOD_MONTH, 4));
  admin_.Must<Target>(TargetRequest("teams/sales", "", Target::PERIOD_QUARTER, 7));
  admin_.Must<Target>(TargetRequest("", ana, Target::PERIOD_QUARTER, 4));

  const auto wrong = [&](const pipeline::v1::CreateTargetRequest& request) {
    return BadFields(admin_.Call<Target>(request).status());
  };
  EXPECT_THAT(wrong(TargetRequest("teams/sales", ana, Target::PERIOD_MONTH, 5)), ElementsAre("target.team"));
  EXPECT_THAT(wrong(TargetRequest("", "", Target::PERIOD_MONTH, 5)), ElementsAre("target.team"));
  EXPECT_THAT(wrong(TargetRequest("teams/none", "", Target::PERIOD_MONTH, 5)), ElementsAre("target.team"));
  EXPECT_THAT(wrong(TargetRequest("", "users/none", Target::PERIOD_MONTH, 5)), ElementsAre("target.user"));
  EXPECT_THAT(wrong(TargetRequest("teams/sales", "", Target::PERIOD_QUARTER, 5)), ElementsAre("target.start_date"));
  auto nothing = TargetRequest("teams/sales", "", Target::PERIOD_MONTH, 6);
  nothing.mutable_target()->mutable_amount()->set_units(0);
  EXPECT_THAT(wrong(nothing), ElementsAre("target.amount"));

  pipeline::v1::UpdateTargetRequest update;
  update.mutable_target()->set_name(target.name());
  update.mutable_target()->mutable_amount()->set_units(60'000);
  EXPECT_EQ(admin_.Must<Target>(update).amount().units(), 60'000);
  pipeline::v1::DeleteTargetRequest remove;
  remove.set_name(target.name());
  admin_.Must<Target>(remove);
  EXPECT_THAT(TypesOf(EventsAbout(target.name())), ElementsAre("target.created", "target.updated", "target.deleted"));
  admin_.Must<Target>(TargetRequest("teams/sales", "", Target::PERIOD_QUARTER, 4));
}

}  // namespace
}  // namespace embudo::testing
