// Exit criteria that ask for more than the lead itself tells, and what is recorded of those that were passed.

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/approval_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using type::v1::ExitCriterion;
using type::v1::Lead;
using type::v1::Stage;

class ExitCriteriaTest : public PipelineTest {
 protected:
  void SetUp() override { CreateUser("rep"); }

  /// Makes a pipeline of three stages, of which the first has what `fill` says.
  void MakePipeline(const std::function<void(Stage&)>& fill) const {
    pipeline::v1::CreatePipelineRequest create;
    create.set_pipeline_id("strict");
    create.mutable_pipeline()->set_display_name("Strict");
    admin_.Must<type::v1::Pipeline>(create);
    for (const std::string name : {"one", "two", "won"}) {
      pipeline::v1::CreateStageRequest request;
      request.set_parent("pipelines/strict");
      request.set_stage_id(name);
      request.mutable_stage()->set_display_name(name);
      request.mutable_stage()->set_sequence(name == "one" ? 1 : name == "two" ? 2 : 3);
      request.mutable_stage()->set_is_won(name == "won");
      if (name == "one") fill(*request.mutable_stage());
      admin_.Must<Stage>(request);
    }
  }
  static ExitCriterion& Add(Stage& stage, const std::string& key,
                            ExitCriterion::Mode mode = ExitCriterion::MODE_REQUIRED) {
    ExitCriterion& criterion = *stage.add_exit_criteria();
    criterion.set_key(key);
    criterion.set_display_name("Is " + key);
    criterion.set_mode(mode);
    return criterion;
  }
  std::string CreateInFirst() const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_stage(kOne);
    return admin_.Must<Lead>(request).name();
  }
  absl::StatusOr<Lead> Move(const Caller& caller, const std::string& lead, const std::string& stage,
                            const std::string& override_reason = "", bool validate_only = false) const {
    pipeline::v1::MoveLeadRequest request;
    request.set_name(lead);
    request.set_stage(stage);
    request.set_override_reason(override_reason);
    request.set_validate_only(validate_only);
    return caller.Call<Lead>(request);
  }
  void CallThem(const std::string& lead, const std::string& type) const {
    pipeline::v1::CreateActivityRequest plan;
    plan.set_parent(lead);
    plan.mutable_activity()->set_summary("Call");
    plan.mutable_activity()->set_activity_type(type);
    plan.mutable_activity()->mutable_due_date()->set_year(2026);
    plan.mutable_activity()->mutable_due_date()->set_month(7);
    plan.mutable_activity()->mutable_due_date()->set_day(1);
    pipeline::v1::CompleteActivityRequest complete;
    complete.set_name(admin_.Must<type::v1::Activity>(plan).name());
    admin_.Must<type::v1::Activity>(complete);
  }
  /// As the attachment service would have written it.
  void Attach(const std::string& lead, const std::string& content_type) const {
    suite().Query(
        "INSERT INTO pipeline.attachment VALUES ($1, $2::uuid, gen_random_uuid(), 'a', $3, 1, '', '', now(), now(),"
        " NULL, 1, 1)",
        db::Params::Of(tenant_, lead.substr(lead.find('/') + 1), content_type));
  }
  static std::vector<std::string> Unmet(const Lead& lead) {
    return {lead.unmet_criteria().begin(), lead.unmet_criteria().end()};
  }

  const std::string kOne = "pipelines/strict/stages/one";
  const std::string kTwo = "pipelines/strict/stages/two";
};

TEST_F(ExitCriteriaTest, AnActivityOfTheTypeIsDoneInTheStage) {
  MakePipeline([](Stage& one) { Add(one, "called").set_activity_type("activityTypes/call"); });
  const std::string lead = CreateInFirst();
  const auto refused = Move(rep_, lead, kTwo);
  EXPECT_THAT(refused, IsError(StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET"));
  EXPECT_THAT(Violations(refused.status()), ElementsAre(kOne + "#called"));
  EXPECT_EQ(GetLead(lead).stage(), kOne);
  EXPECT_THAT(TypesOf(EventsAbout(lead)), ElementsAre("lead.created"));

  CallThem(lead, "activityTypes/email");
  EXPECT_THAT(Violations(Move(rep_, lead, kTwo).status()), ElementsAre(kOne + "#called"));
  CallThem(lead, "activityTypes/call");
  suite().Advance(hours(1));
  ASSERT_TRUE(Move(rep_, lead, kTwo).ok());

  // What was done before the lead came back counts no more.
  suite().Advance(hours(1));
  ASSERT_TRUE(Move(rep_, lead, kOne).ok());
  EXPECT_THAT(Violations(Move(rep_, lead, kTwo).status()), ElementsAre(kOne + "#called"));
}

TEST_F(ExitCriteriaTest, ADocumentOfTheTypeIsAttached) {
  MakePipeline([](Stage& one) {
    Add(one, "picture").set_document("image/*");
    Add(one, "offer").set_document("application/pdf");
  });
  const std::string lead = CreateInFirst();
  EXPECT_THAT(Violations(Move(rep_, lead, kTwo).status()), UnorderedElementsAre(kOne + "#picture", kOne + "#offer"));
  Attach(lead, "image/png");
  EXPECT_THAT(Violations(Move(rep_, lead, kTwo).status()), ElementsAre(kOne + "#offer"));
  Attach(lead, "application/pdf");
  EXPECT_TRUE(Move(rep_, lead, kTwo, "", true).ok());
  EXPECT_EQ(GetLead(lead).stage(), kOne);
  EXPECT_TRUE(Move(rep_, lead, kTwo).ok());
}

TEST_F(ExitCriteriaTest, WhatAnOverridePassesIsRecorded) {
  MakePipeline([](Stage& one) {
    Add(one, "needed");
    Add(one, "advice", ExitCriterion::MODE_ADVISORY);
    one.add_required_fields("email");
  });
  const std::string lead = CreateInFirst();
  const auto refused = Move(manager_, lead, kTwo);
  EXPECT_THAT(Violations(refused.status()), UnorderedElementsAre(kOne + "#needed", kOne + "#email"));
  const auto details = DetailOf<google::rpc::PreconditionFailure>(refused.status());
  EXPECT_EQ(details.violations(0).type(), "EXIT_CRITERION");
  EXPECT_EQ(details.violations(0).description(), "one: Is needed");
  EXPECT_EQ(details.violations(1).type(), "REQUIRED_FIELD");

  const auto moved = Move(manager_, lead, kTwo, "they insist");
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_THAT(Unmet(*moved), ElementsAre("stages/one#needed", "stages/one#advice", "stages/one#email"));
  EXPECT_EQ(moved->override_reason(), "they insist");
  const auto event = EventsAbout(lead).back();
  EXPECT_EQ(event.data().lead().override_reason(), "they insist");
  EXPECT_THAT(Unmet(GetLead(lead)), Unmet(*moved));

  const auto back = Move(rep_, lead, kOne);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_THAT(Unmet(*back), IsEmpty());
  EXPECT_EQ(back->override_reason(), "");

  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead);
  update.mutable_lead()->set_email("ana@example.com");
  update.mutable_lead()->add_checklist("needed");
  rep_.Must<Lead>(update);
  const auto advised = Move(rep_, lead, kTwo);
  ASSERT_TRUE(advised.ok()) << advised.status();
  EXPECT_THAT(Unmet(*advised), ElementsAre("stages/one#advice"));
}

TEST_F(ExitCriteriaTest, RestoringForgetsWhatWasPassed) {
  MakePipeline([](Stage& one) { Add(one, "needed"); });
  const std::string lead = CreateInFirst();
  pipeline::v1::WinLeadRequest win;
  win.set_name(lead);
  EXPECT_THAT(rep_.Call<Lead>(win), IsError(StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET"));
  win.set_override_reason("signed on paper");
  const Lead won = manager_.Must<Lead>(win);
  EXPECT_THAT(Unmet(won), ElementsAre("stages/one#needed"));
  EXPECT_EQ(won.override_reason(), "signed on paper");
  pipeline::v1::RestoreLeadRequest restore;
  restore.set_name(lead);
  const Lead restored = rep_.Must<Lead>(restore);
  EXPECT_THAT(Unmet(restored), IsEmpty());
  EXPECT_EQ(restored.override_reason(), "");
}

TEST_F(ExitCriteriaTest, AnImportRecordsWhatItsDealsLeftOpen) {
  MakePipeline([](Stage& one) {
    Add(one, "needed");
    Add(one, "called").set_activity_type("activityTypes/call");
  });
  pipeline::v1::BulkUpsertLeadsRequest request;
  Lead& given = *request.add_items()->mutable_lead();
  given.set_display_name("A deal");
  given.set_stage(kOne);
  given.add_external_ids()->set_system("crm");
  given.mutable_external_ids(0)->set_id("1");
  const auto upsert = [&] { return service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(request).results(0); };
  const std::string lead = upsert().name();
  EXPECT_THAT(Unmet(GetLead(lead)), IsEmpty());
  CallThem(lead, "activityTypes/call");
  given.set_stage(kTwo);
  EXPECT_EQ(upsert().outcome(), pipeline::v1::BulkResult::OUTCOME_UPDATED);
  EXPECT_THAT(Unmet(GetLead(lead)), ElementsAre("stages/one#needed"));
  EXPECT_EQ(upsert().outcome(), pipeline::v1::BulkResult::OUTCOME_UNCHANGED);
  given.clear_stage();
  given.set_state(Lead::STATE_WON);
  upsert();
  EXPECT_EQ(GetLead(lead).state(), Lead::STATE_WON);
  EXPECT_THAT(Unmet(GetLead(lead)), IsEmpty());  // the second stage asks for nothing
}

TEST_F(ExitCriteriaTest, AFilterMayNameOtherRecords) {
  MakePipeline([](Stage& one) { Add(one, "ours").set_filter("owner.display_name = \"ana\""); });
  const std::string lead = CreateInFirst();
  EXPECT_FALSE(Move(rep_, lead, kTwo).ok());
  pipeline::v1::AssignLeadRequest assign;
  assign.set_name(lead);
  assign.set_owner(CreateUser("ana"));
  admin_.Must<Lead>(assign);
  EXPECT_TRUE(Move(admin_, lead, kTwo).ok());
}

TEST_F(ExitCriteriaTest, AStageWithBrokenCriteriaIsNotSaved) {
  const auto fields_of = [&](const std::function<void(Stage&)>& fill) {
    pipeline::v1::UpdateStageRequest request;
    request.mutable_stage()->set_name(kNew);
    fill(*request.mutable_stage());
    return BadFields(admin_.Call<Stage>(request).status());
  };
  EXPECT_THAT(fields_of([](Stage& stage) {
                Add(stage, "a");
                Add(stage, "a");
              }),
              ElementsAre("stage.exit_criteria[1].key"));
  EXPECT_THAT(fields_of([](Stage& stage) { Add(stage, "a").set_filter("nonsense"); }),
              ElementsAre("stage.exit_criteria[0].filter"));
  EXPECT_THAT(fields_of([](Stage& stage) { Add(stage, "a").set_activity_type("activityTypes/fax"); }),
              ElementsAre("stage.exit_criteria[0].activity_type"));
  EXPECT_THAT(fields_of([](Stage& stage) { Add(stage, "a").set_document(""); }),
              ElementsAre("stage.exit_criteria[0].document"));
  EXPECT_THAT(fields_of([](Stage& stage) { stage.add_required_fields("rotting"); }),
              ElementsAre("stage.required_fields"));
  EXPECT_THAT(fields_of([](Stage& stage) { Add(stage, "a").set_activity_type("activityTypes/call"); }), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
