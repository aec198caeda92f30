// What a lead may do: stages and their exit criteria, winning, losing, restoring, owners, and who sees it.

#include "common/base/error.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using type::v1::Lead;

class LeadTest : public PipelineTest {
 protected:
  void SetUp() override { CreateUser("rep"); }

  absl::StatusOr<Lead> Move(const Caller& caller, const std::string& lead, const std::string& stage,
                            const std::string& override_reason = "") const {
    pipeline::v1::MoveLeadRequest request;
    request.set_name(lead);
    request.set_stage(stage);
    request.set_override_reason(override_reason);
    return caller.Call<Lead>(request);
  }
  absl::StatusOr<Lead> Win(const Caller& caller, const std::string& lead, const std::string& reason = "") const {
    pipeline::v1::WinLeadRequest request;
    request.set_name(lead);
    request.set_override_reason(reason);
    return caller.Call<Lead>(request);
  }
  absl::StatusOr<Lead> Lose(const std::string& lead, const std::string& reason = "lostReasons/too-expensive") const {
    pipeline::v1::LoseLeadRequest request;
    request.set_name(lead);
    request.set_lost_reason(reason);
    request.set_lost_note("Next year");
    return admin_.Call<Lead>(request);
  }
  absl::StatusOr<Lead> Restore(const std::string& lead) const {
    pipeline::v1::RestoreLeadRequest request;
    request.set_name(lead);
    return admin_.Call<Lead>(request);
  }
  absl::StatusOr<Lead> Assign(const std::string& lead, const std::string& owner, bool only_if_unowned = false,
                              const std::string& team = "", bool unassign = false) const {
    pipeline::v1::AssignLeadRequest request;
    request.set_name(lead);
    request.set_owner(owner);
    request.set_team(team);
    request.set_only_if_unowned(only_if_unowned);
    request.set_unassign(unassign);
    return service_.Call<Lead>(request);
  }
  Lead Tick(const std::string& lead, std::initializer_list<const char*> items) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    for (const char* item : items) request.mutable_lead()->add_checklist(item);
    request.mutable_update_mask()->add_paths("checklist");
    return admin_.Must<Lead>(request);
  }
  /// A pipeline of two stages and won; the first has these criteria.
  void CreateStages(const std::string& id, const type::v1::Stage& first, bool no_skipping = false,
                    bool no_going_back = false) const {
    pipeline::v1::CreatePipelineRequest create;
    create.set_pipeline_id(id);
    create.mutable_pipeline()->set_display_name(id);
    create.mutable_pipeline()->set_no_skipping(no_skipping);
    create.mutable_pipeline()->set_no_going_back(no_going_back);
    admin_.Must<type::v1::Pipeline>(create);
    int sequence = 0;
    for (const char* name : {"one", "two", "three", "won"}) {
      pipeline::v1::CreateStageRequest stage;
      stage.set_parent("pipelines/" + id);
      stage.set_stage_id(name);
      if (std::string(name) == "one") *stage.mutable_stage() = first;
      stage.mutable_stage()->set_display_name(name);
      stage.mutable_stage()->set_sequence(sequence += 10);
      stage.mutable_stage()->set_is_won(std::string(name) == "won");
      admin_.Must<type::v1::Stage>(stage);
    }
  }
  Lead CreateIn(const std::string& stage) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_stage(stage);
    return admin_.Must<Lead>(request);
  }
  static type::v1::ExitCriterion* AddCriterion(type::v1::Stage* stage, const char* key) {
    auto* criterion = stage->add_exit_criteria();
    criterion->set_key(key);
    criterion->set_display_name(key);
    criterion->set_mode(type::v1::ExitCriterion::MODE_REQUIRED);
    return criterion;
  }
};

TEST_F(LeadTest, ANewOneStartsInTheFirstStage) {
  const Lead lead = CreateLead();
  EXPECT_EQ(lead.kind(), Lead::KIND_OPPORTUNITY);
  EXPECT_EQ(lead.state(), Lead::STATE_OPEN);
  EXPECT_EQ(lead.stage(), kNew);
  EXPECT_EQ(lead.pipeline(), "pipelines/default");
  EXPECT_EQ(FromTimestamp(lead.stage_enter_time()), suite().clock().Now());
  EXPECT_EQ(FromTimestamp(lead.open_time()), suite().clock().Now());
  EXPECT_FALSE(lead.has_close_time());
}

TEST_F(LeadTest, AMoveNamesEachUnmetCriterion) {
  const std::string lead = CreateLead().name();
  const auto refused = Move(rep_, lead, kProposal);
  EXPECT_THAT(refused, IsError(StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET"));
  // Those of every stage that is left behind.
  EXPECT_THAT(Violations(refused.status()), UnorderedElementsAre(std::string(kNew) + "#first_contact_made",
                                                                 std::string(kQualified) + "#need_and_budget_confirmed",
                                                                 std::string(kQualified) + "#discovery_call_done"));
  Tick(lead, {"first_contact_made", "discovery_call_done"});
  EXPECT_THAT(Violations(Move(rep_, lead, kProposal).status()),
              ElementsAre(std::string(kQualified) + "#need_and_budget_confirmed"));
  EXPECT_EQ(GetLead(lead).stage(), kNew);

  suite().Advance(hours(1));
  const auto moved = Move(rep_, lead, kQualified);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->stage(), kQualified);
  EXPECT_EQ(FromTimestamp(moved->stage_enter_time()), suite().clock().Now());
  EXPECT_THAT(TypesOf(EventsAbout(lead)), ElementsAre("lead.created", "lead.updated", "lead.stage_changed"));
  ASSERT_TRUE(Move(rep_, lead, kNew).ok());  // moving back is free
}

TEST_F(LeadTest, AMoveToItsOwnStageIsNone) {
  const Lead lead = CreateLead();
  suite().Advance(hours(1));
  const auto moved = Move(admin_, lead.name(), kNew);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->etag(), lead.etag());
  EXPECT_THAT(TypesOf(EventsAbout(lead.name())), ElementsAre("lead.created"));
}

TEST_F(LeadTest, OnlyAManagerPassesCriteria) {
  const std::string lead = CreateLead().name();
  EXPECT_THAT(Move(rep_, lead, kQualified, "they insist"), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_THAT(Move(service_, lead, kQualified, "they insist"), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  const auto moved = Move(manager_, lead, kNegotiation, "they insist");
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->stage(), kNegotiation);
  const auto events = EventsAbout(lead);
  EXPECT_EQ(events.back().actor(), "users/manager");
  EXPECT_THAT(Win(rep_, lead, "now"), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_TRUE(Win(manager_, lead, "now").ok());
}

TEST_F(LeadTest, StagesOfOtherPipelinesAndWonOnesAreNoTargets) {
  CreateStages("partners", type::v1::Stage());
  const std::string lead = CreateLead().name();
  EXPECT_THAT(BadFields(Move(manager_, lead, "pipelines/partners/stages/two").status()), ElementsAre("stage"));
  EXPECT_THAT(BadFields(Move(manager_, lead, kWon, "why not").status()), ElementsAre("stage"));
  EXPECT_THAT(BadFields(Move(manager_, lead, "pipelines/default/stages/none").status()), ElementsAre("stage"));
  const std::string before = GetLead(lead).etag();
  EXPECT_THAT(Move(manager_, "leads/" + NewRequestId(), kQualified),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_EQ(GetLead(lead).etag(), before);
}

TEST_F(LeadTest, CriteriaOfEveryKind) {
  type::v1::Stage first;
  AddCriterion(&first, "rich")->set_filter("expected_revenue > 1000");
  AddCriterion(&first, "ripe")->set_min_stay_days(3);
  AddCriterion(&first, "ticked")->set_checklist(true);
  AddCriterion(&first, "advice")->set_mode(type::v1::ExitCriterion::MODE_ADVISORY);
  first.add_required_fields("email");
  CreateStages("strict", first);
  const std::string one = "pipelines/strict/stages/one";
  const std::string two = "pipelines/strict/stages/two";
  const std::string lead = CreateIn(one).name();
  EXPECT_THAT(Violations(Move(rep_, lead, two).status()),
              UnorderedElementsAre(one + "#rich", one + "#ripe", one + "#ticked", one + "#email"));

  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead);
  update.mutable_lead()->mutable_expected_revenue()->set_units(1001);
  update.mutable_lead()->set_email("Ana@Example.com");
  update.mutable_lead()->add_checklist("ticked");
  EXPECT_EQ(rep_.Must<Lead>(update).email(), "ana@example.com");
  suite().Advance(hours(72) - std::chrono::seconds(1));
  EXPECT_THAT(Violations(Move(rep_, lead, two).status()), ElementsAre(one + "#ripe"));
  suite().Advance(std::chrono::seconds(1));
  EXPECT_TRUE(Move(rep_, lead, two).ok());
}

TEST_F(LeadTest, APipelineMayForbidSkippingAndGoingBack) {
  CreateStages("narrow", type::v1::Stage(), true, true);
  const std::string lead = CreateIn("pipelines/narrow/stages/one").name();
  EXPECT_THAT(Move(manager_, lead, "pipelines/narrow/stages/three", "urgent"),
              IsError(StatusCode::kFailedPrecondition, "SKIPPING_FORBIDDEN"));
  ASSERT_TRUE(Move(manager_, lead, "pipelines/narrow/stages/two").ok());
  EXPECT_THAT(Move(manager_, lead, "pipelines/narrow/stages/one"),
              IsError(StatusCode::kFailedPrecondition, "GOING_BACK_FORBIDDEN"));
}

TEST_F(LeadTest, WonIsInTheWonStageWithProbability100AndADate) {
  const std::string lead = CreateLead().name();
  EXPECT_THAT(Win(rep_, lead), IsError(StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET"));
  Tick(lead, {"first_contact_made"});
  suite().Advance(hours(5));
  const auto won = Win(rep_, lead);
  ASSERT_TRUE(won.ok()) << won.status();
  EXPECT_EQ(won->state(), Lead::STATE_WON);
  EXPECT_EQ(won->stage(), kWon);
  EXPECT_EQ(won->probability(), 100);
  EXPECT_EQ(FromTimestamp(won->close_time()), suite().clock().Now());
  EXPECT_EQ(TypesOf(EventsAbout(lead)).back(), "lead.won");
  EXPECT_THAT(Win(rep_, lead), IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN"));
  EXPECT_THAT(Lose(lead), IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN"));
  EXPECT_THAT(Move(rep_, lead, kNew), IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN"));

  // A person's probability does not unmake it.
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead);
  update.mutable_lead()->set_probability(30);
  EXPECT_EQ(rep_.Must<Lead>(update).probability(), 100);

  const auto restored = Restore(lead);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->state(), Lead::STATE_OPEN);
  EXPECT_EQ(restored->stage(), kNegotiation);  // no open lead is in a won stage
  EXPECT_EQ(restored->probability(), restored->automated_probability());
  EXPECT_FALSE(restored->has_close_time());
}

TEST_F(LeadTest, LostKeepsItsStageAndReason) {
  const std::string lead = CreateLead().name();
  EXPECT_THAT(BadFields(Lose(lead, "lostReasons/none").status()), ElementsAre("lost_reason"));
  const auto lost = Lose(lead);
  ASSERT_TRUE(lost.ok()) << lost.status();
  EXPECT_EQ(lost->state(), Lead::STATE_LOST);
  EXPECT_EQ(lost->stage(), kNew);
  EXPECT_EQ(lost->probability(), 0);
  EXPECT_EQ(lost->lost_reason(), "lostReasons/too-expensive");
  EXPECT_EQ(lost->lost_note(), "Next year");
  EXPECT_EQ(FromTimestamp(lost->close_time()), suite().clock().Now());
  const auto restored = Restore(lead);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->stage(), kNew);
  EXPECT_EQ(restored->lost_reason() + restored->lost_note(), "");
  EXPECT_THAT(Restore(lead), IsError(StatusCode::kFailedPrecondition, "LEAD_OPEN"));
  EXPECT_THAT(TypesOf(EventsAbout(lead)), ElementsAre("lead.created", "lead.lost", "lead.restored"));
}

TEST_F(LeadTest, IsAssignedToUsersOfItsTenant) {
  const std::string ana = CreateUser("ana");
  const std::string bob = CreateUser("bob");
  const std::string gone = CreateUser("gone", type::v1::User::VISIBILITY_ALL, true);
  const std::string lead = CreateLead().name();
  const auto assigned = Assign(lead, ana);
  ASSERT_TRUE(assigned.ok()) << assigned.status();
  EXPECT_EQ(assigned->owner(), ana);
  EXPECT_EQ(FromTimestamp(assigned->assign_time()), suite().clock().Now());

  const auto kept = Assign(lead, bob, true);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->owner(), ana);
  EXPECT_EQ(kept->etag(), assigned->etag());
  EXPECT_EQ(Assign(lead, bob)->owner(), bob);

  EXPECT_THAT(BadFields(Assign(lead, gone).status()), ElementsAre("owner"));
  EXPECT_THAT(BadFields(Assign(lead, "users/nobody").status()), ElementsAre("owner"));
  EXPECT_THAT(BadFields(Assign(lead, "", false, "teams/none").status()), ElementsAre("team"));
  EXPECT_EQ(Assign(lead, "", false, "", true)->owner(), "");
  EXPECT_EQ(Assign(lead, bob, true)->owner(), bob);
  EXPECT_THAT(TypesOf(EventsAbout(lead)),
              ElementsAre("lead.created", "lead.assigned", "lead.assigned", "lead.assigned", "lead.assigned"));

  const std::string other = suite().NewTenant();
  pipeline::v1::CreateUserRequest theirs;
  theirs.set_user_id("theirs");
  theirs.mutable_user()->set_display_name("Theirs");
  suite().As(other, type::v1::ROLE_ADMIN).Must<type::v1::User>(theirs);
  EXPECT_THAT(BadFields(Assign(lead, "users/theirs").status()), ElementsAre("owner"));
}

TEST_F(LeadTest, ATeamOfAnotherPipelineIsRefused) {
  CreateStages("partners", type::v1::Stage());
  pipeline::v1::CreateTeamRequest create;
  create.set_team_id("partners");
  create.mutable_team()->set_display_name("Partners");
  create.mutable_team()->set_pipeline("pipelines/partners");
  create.mutable_team()->set_office("Lisbon");
  admin_.Must<type::v1::Team>(create);
  const std::string lead = CreateLead().name();
  EXPECT_THAT(BadFields(Assign(lead, "", false, "teams/partners").status()), ElementsAre("lead.team"));
  const Lead theirs = CreateIn("pipelines/partners/stages/two");
  const auto assigned = Assign(theirs.name(), "", false, "teams/partners");
  ASSERT_TRUE(assigned.ok()) << assigned.status();
  EXPECT_EQ(assigned->office(), "Lisbon");
}

TEST_F(LeadTest, ARepSeesWhatItsVisibilitySays) {
  CreateUser("own", type::v1::User::VISIBILITY_OWN);
  CreateUser("team", type::v1::User::VISIBILITY_TEAM);
  CreateUser("all", type::v1::User::VISIBILITY_ALL);
  pipeline::v1::CreateMembershipRequest join;
  join.set_parent("teams/sales");
  join.mutable_membership()->set_user("users/team");
  admin_.Must<type::v1::Membership>(join);
  const auto make = [&](const std::string& owner, const std::string& team) {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->set_owner(owner);
    request.mutable_lead()->set_team(team);
    return admin_.Must<Lead>(request).name();
  };
  const std::string own = make("users/own", "");
  const std::string team = make("", "teams/sales");
  const std::string other = make("", "");
  const auto seen = [&](const std::string& user) {
    const auto page =
        As(type::v1::ROLE_REP, "users/" + user).Must<pipeline::v1::ListLeadsResponse>(pipeline::v1::ListLeadsRequest());
    std::vector<std::string> names;
    for (const Lead& lead : page.leads()) names.push_back(lead.name());
    return names;
  };
  EXPECT_THAT(seen("own"), ElementsAre(own));
  EXPECT_THAT(seen("team"), ElementsAre(team));
  EXPECT_THAT(seen("all"), UnorderedElementsAre(own, team, other));
  EXPECT_THAT(seen("stranger"), IsEmpty());

  const Caller rep = As(type::v1::ROLE_REP, "users/own");
  pipeline::v1::CreateActivityRequest plan;
  plan.set_parent(other);
  plan.mutable_activity()->set_summary("Call");
  plan.mutable_activity()->mutable_due_date()->set_year(2026);
  plan.mutable_activity()->mutable_due_date()->set_month(7);
  plan.mutable_activity()->mutable_due_date()->set_day(1);
  const std::string activity = admin_.Must<type::v1::Activity>(plan).name();
  const auto hidden = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  pipeline::v1::GetLeadRequest get;
  get.set_name(other);
  EXPECT_THAT(rep.Call<Lead>(get), hidden);
  EXPECT_THAT(Move(rep, other, kQualified), hidden);
  EXPECT_THAT(rep.Call<type::v1::Activity>(plan), hidden);
  // What is planned on a lead that it can't see is hidden too.
  pipeline::v1::GetActivityRequest get_activity;
  get_activity.set_name(activity);
  EXPECT_THAT(rep.Call<type::v1::Activity>(get_activity), hidden);
  pipeline::v1::ListActivitiesRequest list;
  list.set_parent("leads/-");
  EXPECT_EQ(rep.Must<pipeline::v1::ListActivitiesResponse>(list).activities_size(), 0);
  EXPECT_EQ(admin_.Must<pipeline::v1::ListActivitiesResponse>(list).activities_size(), 1);
}

TEST_F(LeadTest, ActivitiesTellTheNextDateAndTouch) {
  const std::string lead = CreateLead().name();
  pipeline::v1::CreateActivityRequest plan;
  plan.set_parent(lead);
  plan.set_request_id(NewRequestId());
  plan.mutable_activity()->set_summary("Call");
  plan.mutable_activity()->mutable_due_date()->set_year(2026);
  plan.mutable_activity()->mutable_due_date()->set_month(7);
  plan.mutable_activity()->mutable_due_date()->set_day(3);
  suite().Advance(hours(1));
  const auto activity = rep_.Must<type::v1::Activity>(plan);
  const Lead planned = GetLead(lead);
  EXPECT_EQ(planned.next_activity_date().day(), 3);
  EXPECT_EQ(FromTimestamp(planned.last_touch_time()), suite().clock().Now());
  suite().Advance(hours(1));
  rep_.Must<type::v1::Activity>(plan);  // the same call again
  EXPECT_EQ(GetLead(lead).etag(), planned.etag());

  pipeline::v1::CompleteActivityRequest complete;
  complete.set_name(activity.name());
  complete.set_feedback("They want a demo");
  const auto done = rep_.Must<type::v1::Activity>(complete);
  EXPECT_EQ(done.state(), type::v1::Activity::STATE_DONE);
  EXPECT_EQ(done.feedback(), "They want a demo");
  EXPECT_FALSE(GetLead(lead).has_next_activity_date());
  EXPECT_THAT(rep_.Call<type::v1::Activity>(complete),
              IsError(StatusCode::kFailedPrecondition, "ACTIVITY_NOT_PLANNED"));
  EXPECT_THAT(TypesOf(Events()), Contains("activity.done"));
}

}  // namespace
}  // namespace embudo::testing
