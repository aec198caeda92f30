// Plans of activities, launched on leads.

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::LaunchActivityPlanRequest;
using pipeline::v1::LaunchActivityPlanResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using type::v1::Activity;
using type::v1::ActivityPlan;
using type::v1::ActivityType;
using type::v1::Lead;
using type::v1::PlanStep;

Day Date(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day));
}

class ActivityPlanTest : public PipelineTest {
 protected:
  void SetUp() override {
    for (const char* id : {"rep", "ada", "ben"}) CreateUser(id);
    pipeline::v1::CreateActivityTypeRequest type;
    type.set_activity_type_id("visit");
    type.mutable_activity_type()->set_display_name("Visit");
    type.mutable_activity_type()->set_type(Activity::TYPE_MEETING);
    type.mutable_activity_type()->set_default_assignee("users/ben");
    admin_.Must<ActivityType>(type);
  }
  static PlanStep* AddStep(ActivityPlan* plan, const char* summary, int count, type::v1::DelayUnit unit,
                           PlanStep::AssigneeMode mode = PlanStep::ASSIGNEE_MODE_OWNER) {
    PlanStep* step = plan->add_steps();
    step->set_activity_type("activityTypes/visit");
    step->set_summary(summary);
    step->set_delay_count(count);
    step->set_delay_unit(unit);
    step->set_assignee_mode(mode);
    return step;
  }
  std::string Create(const ActivityPlan& plan) const {
    pipeline::v1::CreateActivityPlanRequest request;
    *request.mutable_activity_plan() = plan;
    request.mutable_activity_plan()->set_display_name("Onboarding");
    return admin_.Must<ActivityPlan>(request).name();
  }
  std::string LeadOf(const std::string& owner) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Lead of " + owner);
    request.mutable_lead()->set_owner(owner);
    return admin_.Must<Lead>(request).name();
  }
  static LaunchActivityPlanRequest Launch(const std::string& plan, const std::vector<std::string>& leads) {
    LaunchActivityPlanRequest request;
    request.set_name(plan);
    for (const std::string& lead : leads) request.add_leads(lead);
    *request.mutable_date() = ToDate(Date(2027, 1, 31));
    return request;
  }
  int64_t CountActivities() const {
    return suite().Query("SELECT count(*) FROM pipeline.activity WHERE tenant_id = $1", db::Params::Of(tenant_))[0].Int(
        0);
  }
};

TEST_F(ActivityPlanTest, EachLeadGetsEachStep) {
  ActivityPlan plan;
  AddStep(&plan, "", -2, type::v1::DELAY_UNIT_DAY);
  AddStep(&plan, "Kick-off", 1, type::v1::DELAY_UNIT_MONTH, PlanStep::ASSIGNEE_MODE_ON_DEMAND);
  AddStep(&plan, "Review", 2, type::v1::DELAY_UNIT_WEEK, PlanStep::ASSIGNEE_MODE_FIXED)->set_assignee("users/ben");
  const std::string name = Create(plan);
  const std::string one = LeadOf("users/ada");
  const std::string two = LeadOf("");
  LaunchActivityPlanRequest request = Launch(name, {one, two});
  EXPECT_THAT(BadFields(rep_.Call<LaunchActivityPlanResponse>(request).status()), ElementsAre("assignee"));
  request.set_assignee("users/nobody");
  EXPECT_THAT(BadFields(rep_.Call<LaunchActivityPlanResponse>(request).status()), ElementsAre("assignee"));
  request.set_assignee("users/rep");
  request.set_request_id(NewRequestId());
  const size_t before = Events().size();
  const auto launched = rep_.Must<LaunchActivityPlanResponse>(request);
  ASSERT_EQ(launched.activities_size(), 6);
  const Activity& first = launched.activities(0);
  EXPECT_TRUE(first.name().starts_with(one + "/activities/"));
  EXPECT_EQ(first.summary(), "Visit");
  EXPECT_EQ(first.type(), Activity::TYPE_MEETING);
  EXPECT_EQ(first.activity_plan(), name);
  EXPECT_EQ(first.creator(), "users/rep");
  EXPECT_EQ(first.due_state(), Activity::DUE_STATE_PLANNED);
  std::vector<std::string> assignees;
  std::vector<Day> days;
  for (const Activity& activity : launched.activities()) {
    assignees.push_back(activity.assignee());
    days.push_back(FromDate(activity.due_date()));
    pipeline::v1::GetActivityRequest get;
    get.set_name(activity.name());
    EXPECT_THAT(admin_.Must<Activity>(get), SameAs(activity));
  }
  // The owner's step of a lead that nobody owns goes to the type's default.
  EXPECT_THAT(assignees, ElementsAre("users/ada", "users/rep", "users/ben", "users/ben", "users/rep", "users/ben"));
  EXPECT_THAT(days, ElementsAre(Date(2027, 1, 29), Date(2027, 2, 28), Date(2027, 2, 14), Date(2027, 1, 29),
                                Date(2027, 2, 28), Date(2027, 2, 14)));
  for (const std::string& lead : {one, two}) {
    EXPECT_EQ(FromDate(GetLead(lead).next_activity_date()), Date(2027, 1, 29));
    EXPECT_EQ(FromTimestamp(GetLead(lead).last_touch_time()), suite().clock().Now());
  }
  auto events = Events();
  events.erase(events.begin(), events.begin() + static_cast<long>(before));
  EXPECT_THAT(TypesOf(events),
              ElementsAre("activity.created", "activity.created", "activity.created", "activity.created",
                          "activity.created", "activity.created", "lead.updated", "lead.updated"));
  // One line a lead and user, none for the caller.
  const db::Result told = suite().Query(
      "SELECT user_id, count(*), min(text) FROM pipeline.notification WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1",
      db::Params::Of(tenant_));
  ASSERT_EQ(told.size(), 2);
  EXPECT_EQ(told[0].Text(0), "ada");
  EXPECT_EQ(told[0].Int(1), 1);
  EXPECT_EQ(told[1].Text(0), "ben");
  EXPECT_EQ(told[1].Int(1), 2);

  EXPECT_THAT(rep_.Must<LaunchActivityPlanResponse>(request), SameAs(launched));  // the same call again
  EXPECT_EQ(CountActivities(), 6);
  request.set_assignee("users/ada");
  EXPECT_THAT(rep_.Call<LaunchActivityPlanResponse>(request),
              IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
}

TEST_F(ActivityPlanTest, AllOrNone) {
  ActivityPlan plan;
  AddStep(&plan, "Visit", 1, type::v1::DELAY_UNIT_DAY);
  const std::string name = Create(plan);
  const std::string lead = LeadOf("users/ada");
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(admin_.Call<LaunchActivityPlanResponse>(Launch(name, {lead, "leads/" + NewRequestId()})), not_found);
  EXPECT_THAT(admin_.Call<LaunchActivityPlanResponse>(Launch("activityPlans/none", {lead})), not_found);
  EXPECT_THAT(BadFields(admin_.Call<LaunchActivityPlanResponse>(Launch(name, {lead, lead})).status()),
              ElementsAre("leads[1]"));
  EXPECT_THAT(BadFields(admin_.Call<LaunchActivityPlanResponse>(Launch(name, {})).status()), ElementsAre("leads"));
  EXPECT_THAT(BadFields(admin_.Call<LaunchActivityPlanResponse>(Launch(name, {lead, "x/y"})).status()),
              ElementsAre("leads[1]"));
  // A lead that the caller does not see.
  CreateUser("own", type::v1::User::VISIBILITY_OWN);
  EXPECT_THAT(As(type::v1::ROLE_REP, "users/own").Call<LaunchActivityPlanResponse>(Launch(name, {lead})), not_found);
  EXPECT_THAT(
      suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN).Call<LaunchActivityPlanResponse>(Launch(name, {lead})),
      not_found);
  LaunchActivityPlanRequest only = Launch(name, {lead});
  only.set_validate_only(true);
  EXPECT_EQ(admin_.Must<LaunchActivityPlanResponse>(only).activities_size(), 1);
  EXPECT_EQ(CountActivities(), 0);
  EXPECT_FALSE(GetLead(lead).has_next_activity_date());
}

TEST_F(ActivityPlanTest, FixedUsersWhoLeftStopIt) {
  ActivityPlan plan;
  AddStep(&plan, "Visit", 1, type::v1::DELAY_UNIT_DAY, PlanStep::ASSIGNEE_MODE_FIXED)->set_assignee("users/ben");
  const std::string name = Create(plan);
  pipeline::v1::UpdateUserRequest leave;
  leave.mutable_user()->set_name("users/ben");
  leave.mutable_user()->set_disabled(true);
  leave.mutable_update_mask()->add_paths("disabled");
  admin_.Must<type::v1::User>(leave);
  EXPECT_THAT(admin_.Call<LaunchActivityPlanResponse>(Launch(name, {LeadOf("users/ada")})),
              IsError(StatusCode::kFailedPrecondition, "ASSIGNEE_DISABLED"));
}

TEST_F(ActivityPlanTest, ManyLeadsAtOnce) {
  ActivityPlan plan;
  for (int i = 0; i < 3; ++i) AddStep(&plan, "Visit", i, type::v1::DELAY_UNIT_DAY);
  const std::string name = Create(plan);
  pipeline::v1::BatchCreateLeadsRequest create;
  for (int i = 0; i < 500; ++i) create.add_requests()->mutable_lead()->set_display_name("A deal");
  LaunchActivityPlanRequest request;
  request.set_name(name);
  const auto answer = admin_.Must<pipeline::v1::BatchCreateLeadsResponse>(create);
  for (const Lead& lead : answer.leads()) {
    request.add_leads(lead.name());
  }
  EXPECT_EQ(admin_.Must<LaunchActivityPlanResponse>(request).activities_size(), 1500);
  EXPECT_EQ(suite()
                .Query("SELECT count(*) FROM pipeline.lead WHERE tenant_id = $1 AND next_activity_date IS NOT NULL",
                       db::Params::Of(tenant_))[0]
                .Int(0),
            500);
  request.add_leads(CreateLead().name());
  EXPECT_THAT(BadFields(admin_.Call<LaunchActivityPlanResponse>(request).status()), ElementsAre("leads"));
}

TEST_F(ActivityPlanTest, StepsAreChecked) {
  pipeline::v1::CreateActivityPlanRequest request;
  request.mutable_activity_plan()->set_display_name("Bad");
  EXPECT_THAT(BadFields(admin_.Call<ActivityPlan>(request).status()), ElementsAre("activity_plan.steps"));
  request.mutable_activity_plan()->add_steps()->set_activity_type("activityTypes/none");
  EXPECT_THAT(BadFields(admin_.Call<ActivityPlan>(request).status()),
              ElementsAre("activity_plan.steps[0].activity_type"));
}

}  // namespace
}  // namespace embudo::testing
