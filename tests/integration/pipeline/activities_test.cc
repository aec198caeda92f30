// What happens to activities, and what they do to their lead.

#include <thread>

#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using std::chrono::days;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using type::v1::Activity;
using type::v1::ActivityType;
using type::v1::Lead;

class ActivityTest : public PipelineTest {
 protected:
  void SetUp() override {
    for (const char* id : {"rep", "ada", "ben"}) CreateUser(id);
  }

  static Day Today() { return std::chrono::floor<days>(suite().clock().Now()); }

  std::string CreateType(const std::string& id, const std::function<void(ActivityType&)>& change = {}) const {
    pipeline::v1::CreateActivityTypeRequest request;
    request.set_activity_type_id(id);
    request.mutable_activity_type()->set_display_name(id);
    if (change) change(*request.mutable_activity_type());
    return admin_.Must<ActivityType>(request).name();
  }
  static pipeline::v1::CreateActivityRequest Plan(const std::string& lead, int in_days,
                                                  const std::string& assignee = "") {
    pipeline::v1::CreateActivityRequest request;
    request.set_parent(lead);
    request.mutable_activity()->set_summary("Call");
    request.mutable_activity()->set_assignee(assignee);
    *request.mutable_activity()->mutable_due_date() = ToDate(Today() + days(in_days));
    return request;
  }
  absl::StatusOr<Activity> Complete(const Caller& caller, const std::string& name) const {
    pipeline::v1::CompleteActivityRequest request;
    request.set_name(name);
    request.set_feedback("Fine");
    return caller.Call<Activity>(request);
  }
  Activity Get(const std::string& name) const {
    pipeline::v1::GetActivityRequest request;
    request.set_name(name);
    return admin_.Must<Activity>(request);
  }
  /// Days from today until the lead's next activity; -1000: none.
  int NextOf(const std::string& lead) const {
    const Lead now = GetLead(lead);
    return now.has_next_activity_date() ? static_cast<int>((FromDate(now.next_activity_date()) - Today()).count())
                                        : -1000;
  }
  std::vector<type::v1::Notification> NotificationsOf(const std::string& user) const {
    const db::Result rows = suite().Query(
        "SELECT kind, subject, text, actor, lead_id::text FROM pipeline.notification"
        " WHERE tenant_id = $1 AND user_id = $2 ORDER BY create_time, notification_id",
        db::Params::Of(tenant_, user));
    std::vector<type::v1::Notification> notifications(static_cast<size_t>(rows.size()));
    for (int i = 0; i < rows.size(); ++i) {
      auto& notification = notifications[static_cast<size_t>(i)];
      if (rows[i].Text(0) == "ASSIGNMENT") notification.set_kind(type::v1::Notification::KIND_ASSIGNMENT);
      notification.set_subject(std::string(rows[i].Text(1)));
      notification.set_text(std::string(rows[i].Text(2)));
      notification.set_actor(std::string(rows[i].Text(3)));
      notification.set_lead("leads/" + std::string(rows[i].Text(4)));
    }
    return notifications;
  }
};

TEST_F(ActivityTest, ATypeGivesItsDefaultsAndKeepsItsKind) {
  CreateType("qualify", [](ActivityType& type) {
    type.set_type(Activity::TYPE_CALL);
    type.set_default_summary("Qualify");
    type.set_default_note("Budget?");
    type.set_default_assignee("users/ada");
    type.set_delay_count(1);
    type.set_delay_unit(type::v1::DELAY_UNIT_WEEK);
  });
  pipeline::v1::CreateActivityRequest request;
  request.set_parent(CreateLead().name());
  request.mutable_activity()->set_activity_type("activityTypes/qualify");
  const auto activity = rep_.Must<Activity>(request);
  EXPECT_EQ(activity.type(), Activity::TYPE_CALL);
  EXPECT_EQ(activity.summary(), "Qualify");
  EXPECT_EQ(activity.note(), "Budget?");
  EXPECT_EQ(activity.assignee(), "users/ada");
  EXPECT_EQ(activity.creator(), "users/rep");
  EXPECT_EQ(FromDate(activity.due_date()), Today() + days(7));
  EXPECT_EQ(activity.due_state(), Activity::DUE_STATE_PLANNED);
  EXPECT_THAT(Get(activity.name()), SameAs(activity));

  request.mutable_activity()->set_activity_type("activityTypes/none");
  EXPECT_THAT(BadFields(rep_.Call<Activity>(request).status()), ElementsAre("activity.activity_type"));
  CreateType("bare");
  request.mutable_activity()->set_activity_type("activityTypes/bare");
  EXPECT_THAT(BadFields(rep_.Call<Activity>(request).status()), ElementsAre("activity.summary"));
}

TEST_F(ActivityTest, OnlyTheKindTakesTheFirstTypeOfIt) {
  pipeline::v1::ListActivityTypesRequest list;
  const auto answer = admin_.Must<pipeline::v1::ListActivityTypesResponse>(list);
  for (const auto& type : answer.activity_types()) {
    pipeline::v1::DeleteActivityTypeRequest remove;
    remove.set_name(type.name());
    admin_.Must<ActivityType>(remove);
  }
  auto request = Plan(CreateLead().name(), 1);
  request.mutable_activity()->set_type(Activity::TYPE_MEETING);
  EXPECT_EQ(admin_.Must<Activity>(request).activity_type(), "");
  for (const auto& [id, sequence] : {std::pair("second", 20), std::pair("first", 10), std::pair("third", 30)}) {
    CreateType(id, [sequence = sequence](ActivityType& type) {
      type.set_type(Activity::TYPE_MEETING);
      type.set_sequence(sequence);
    });
  }
  const auto activity = admin_.Must<Activity>(request);
  EXPECT_EQ(activity.activity_type(), "activityTypes/first");
  EXPECT_EQ(activity.type(), Activity::TYPE_MEETING);
}

TEST_F(ActivityTest, TheOwnerIsTheDefaultAndTheAssigneeIsTold) {
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name("Ten laptops");
  create.mutable_lead()->set_owner("users/ada");
  const std::string lead = admin_.Must<Lead>(create).name();
  const auto activity = rep_.Must<Activity>(Plan(lead, 2));
  EXPECT_EQ(activity.assignee(), "users/ada");
  auto told = NotificationsOf("ada");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind(), type::v1::Notification::KIND_ASSIGNMENT);
  EXPECT_EQ(told[0].subject(), activity.name());
  EXPECT_EQ(told[0].lead(), lead);
  EXPECT_EQ(told[0].actor(), "users/rep");
  EXPECT_THAT(told[0].text(), HasSubstr("Ten laptops"));

  // To oneself: nothing to tell. To another: that one only.
  rep_.Must<Activity>(Plan(lead, 3, "users/rep"));
  EXPECT_THAT(NotificationsOf("rep"), IsEmpty());
  pipeline::v1::UpdateActivityRequest update;
  update.mutable_activity()->set_name(activity.name());
  update.mutable_activity()->set_assignee("users/ben");
  update.mutable_update_mask()->add_paths("assignee");
  EXPECT_EQ(rep_.Must<Activity>(update).assignee(), "users/ben");
  EXPECT_EQ(NotificationsOf("ben").size(), 1u);
  EXPECT_EQ(NotificationsOf("ada").size(), 1u);
  update.mutable_activity()->set_note("x");
  update.mutable_update_mask()->add_paths("note");
  rep_.Must<Activity>(update);
  EXPECT_EQ(NotificationsOf("ben").size(), 1u);
}

TEST_F(ActivityTest, DisabledUsersGetNone) {
  CreateUser("gone", type::v1::User::VISIBILITY_ALL, true);
  const std::string lead = CreateLead().name();
  EXPECT_THAT(BadFields(admin_.Call<Activity>(Plan(lead, 1, "users/gone")).status()), ElementsAre("activity.assignee"));
  EXPECT_THAT(BadFields(admin_.Call<Activity>(Plan(lead, 1, "users/no")).status()), ElementsAre("activity.assignee"));
  EXPECT_EQ(NextOf(lead), -1000);
}

TEST_F(ActivityTest, TheLeadKnowsItsNextOneInTheSameTransaction) {
  const std::string lead = CreateLead().name();
  const size_t before = Events().size();
  const auto later = service_.Must<Activity>(Plan(lead, 5));
  EXPECT_EQ(NextOf(lead), 5);
  const auto sooner = service_.Must<Activity>(Plan(lead, 2));
  EXPECT_EQ(NextOf(lead), 2);
  auto events = Events();
  events.erase(events.begin(), events.begin() + static_cast<long>(before));
  EXPECT_THAT(TypesOf(events), ElementsAre("activity.created", "lead.updated", "activity.created", "lead.updated"));
  // A service is no person: nobody has touched it.
  EXPECT_EQ(FromTimestamp(GetLead(lead).last_touch_time()), FromTimestamp(GetLead(lead).create_time()));
  const std::string etag = GetLead(lead).etag();
  service_.Must<Activity>(Plan(lead, 9));
  EXPECT_EQ(GetLead(lead).etag(), etag);  // nothing for it to know

  pipeline::v1::UpdateActivityRequest put_off;
  put_off.mutable_activity()->set_name(sooner.name());
  *put_off.mutable_activity()->mutable_due_date() = ToDate(Today() + days(7));
  put_off.mutable_update_mask()->add_paths("due_date");
  service_.Must<Activity>(put_off);
  EXPECT_EQ(NextOf(lead), 5);
  pipeline::v1::CancelActivityRequest cancel;
  cancel.set_name(later.name());
  EXPECT_EQ(service_.Must<Activity>(cancel).state(), Activity::STATE_CANCELLED);
  EXPECT_EQ(NextOf(lead), 7);
  pipeline::v1::DeleteActivityRequest remove;
  remove.set_name(sooner.name());
  service_.Must<Activity>(remove);
  EXPECT_EQ(NextOf(lead), 9);
  EXPECT_THAT(TypesOf(EventsAbout(later.name())), ElementsAre("activity.created", "activity.cancelled"));
}

TEST_F(ActivityTest, ChangesAtOnceAreAllKnown) {
  const std::string lead = CreateLead().name();
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) names.push_back(service_.Must<Activity>(Plan(lead, 10 + i)).name());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      if (i % 2 == 0) {
        EXPECT_TRUE(Complete(service_, names[static_cast<size_t>(i)]).ok());
      } else {
        service_.Must<Activity>(Plan(lead, 20 - i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(NextOf(lead), 11);
  const db::Result rows =
      suite().Query("SELECT count(*), min(due_date) FROM pipeline.activity WHERE tenant_id = $1 AND state = 'PLANNED'",
                    db::Params::Of(tenant_));
  EXPECT_EQ(rows[0].Int(0), 8);
}

TEST_F(ActivityTest, DonePlansTheNextWithIt) {
  CreateType("offer", [](ActivityType& type) {
    type.set_type(Activity::TYPE_DOCUMENT);
    type.set_default_assignee("users/ben");
    type.set_delay_count(3);
  });
  CreateType("demo", [](ActivityType& type) { type.set_triggered_type("activityTypes/offer"); });
  const std::string lead = CreateLead().name();
  auto plan = Plan(lead, -2, "users/rep");
  plan.mutable_activity()->set_activity_type("activityTypes/demo");
  const auto activity = rep_.Must<Activity>(plan);
  EXPECT_EQ(activity.due_state(), Activity::DUE_STATE_OVERDUE);
  const size_t before = Events().size();
  pipeline::v1::CompleteActivityRequest complete;
  complete.set_name(activity.name());
  complete.set_feedback("They like it");
  complete.set_request_id(NewRequestId());
  const auto done = rep_.Must<Activity>(complete);
  EXPECT_EQ(done.state(), Activity::STATE_DONE);
  EXPECT_EQ(done.feedback(), "They like it");
  EXPECT_EQ(done.due_state(), Activity::DUE_STATE_UNSPECIFIED);
  const Activity next = Get(done.next_activity());
  EXPECT_EQ(next.activity_type(), "activityTypes/offer");
  EXPECT_EQ(next.type(), Activity::TYPE_DOCUMENT);
  EXPECT_EQ(next.summary(), "offer");
  EXPECT_EQ(next.assignee(), "users/ben");
  EXPECT_EQ(next.creator(), "users/rep");
  EXPECT_EQ(FromDate(next.due_date()), Today() + days(3));
  EXPECT_EQ(NextOf(lead), 3);
  EXPECT_EQ(NotificationsOf("ben").size(), 1u);
  auto events = Events();
  events.erase(events.begin(), events.begin() + static_cast<long>(before));
  EXPECT_THAT(TypesOf(events), ElementsAre("activity.done", "activity.created", "lead.updated"));
  EXPECT_THAT(rep_.Must<Activity>(complete), SameAs(done));  // the same call again
  EXPECT_EQ(Events().size(), before + 3);
}

TEST_F(ActivityTest, WhatIsNotPlannedStaysAsItIs) {
  const std::string name = admin_.Must<Activity>(Plan(CreateLead().name(), 1)).name();
  pipeline::v1::CancelActivityRequest cancel;
  cancel.set_name(name);
  cancel.set_validate_only(true);
  EXPECT_EQ(admin_.Must<Activity>(cancel).state(), Activity::STATE_CANCELLED);
  EXPECT_EQ(Get(name).state(), Activity::STATE_PLANNED);
  cancel.set_validate_only(false);
  cancel.set_etag("999");
  EXPECT_THAT(admin_.Call<Activity>(cancel), IsError(StatusCode::kAborted, "STALE_ETAG"));
  cancel.clear_etag();
  EXPECT_TRUE(admin_.Must<Activity>(cancel).has_done_time());
  const auto refused = IsError(StatusCode::kFailedPrecondition, "ACTIVITY_NOT_PLANNED");
  EXPECT_THAT(admin_.Call<Activity>(cancel), refused);
  EXPECT_THAT(Complete(admin_, name), refused);
  pipeline::v1::SnoozeActivityRequest snooze;
  snooze.set_name(name);
  snooze.set_days(2);
  EXPECT_THAT(admin_.Call<Activity>(snooze), refused);
}

TEST_F(ActivityTest, SnoozingGoesByTheAssigneesDay) {
  pipeline::v1::UpdateUserRequest update;
  update.mutable_user()->set_name("users/ada");
  update.mutable_user()->set_time_zone("Pacific/Kiritimati");  // 14 hours ahead
  update.mutable_update_mask()->add_paths("time_zone");
  admin_.Must<type::v1::User>(update);
  const std::string lead = CreateLead().name();
  const auto activity = admin_.Must<Activity>(Plan(lead, 0, "users/ada"));
  const Time now = suite().clock().Now();
  suite().clock().Set(Today() + hours(12));  // already tomorrow where Ada is
  EXPECT_EQ(Get(activity.name()).due_state(), Activity::DUE_STATE_OVERDUE);
  pipeline::v1::SnoozeActivityRequest snooze;
  snooze.set_name(activity.name());
  *snooze.mutable_due_date() = ToDate(Today());
  EXPECT_THAT(BadFields(admin_.Call<Activity>(snooze).status()), ElementsAre("due_date"));
  snooze.clear_due_date();
  EXPECT_THAT(BadFields(admin_.Call<Activity>(snooze).status()), ElementsAre("due_date"));
  snooze.set_days(1);
  const auto snoozed = admin_.Must<Activity>(snooze);
  EXPECT_EQ(FromDate(snoozed.due_date()), Today() + days(2));
  EXPECT_EQ(snoozed.due_state(), Activity::DUE_STATE_PLANNED);
  EXPECT_EQ(NextOf(lead), 2);
  suite().clock().Set(now);
}

TEST_F(ActivityTest, AClosedLeadMayHaveSome) {
  const std::string lead = CreateLead().name();
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lead);
  admin_.Must<Lead>(lose);
  admin_.Must<Activity>(Plan(lead, 90));
  EXPECT_EQ(NextOf(lead), 90);
  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(lead);
  admin_.Must<Lead>(remove);
  EXPECT_THAT(admin_.Call<Activity>(Plan(lead, 1)), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(ActivityTest, WhoseTaskItIsSeesIt) {
  CreateUser("own", type::v1::User::VISIBILITY_OWN);
  const Caller own = As(type::v1::ROLE_REP, "users/own");
  const std::string lead = CreateLead().name();
  const std::string mine = admin_.Must<Activity>(Plan(lead, 1, "users/own")).name();
  const std::string other = admin_.Must<Activity>(Plan(lead, 1, "users/ada")).name();
  pipeline::v1::GetActivityRequest get;
  get.set_name(other);
  const auto hidden = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(own.Call<Activity>(get), hidden);
  EXPECT_THAT(Complete(own, other), hidden);
  EXPECT_THAT(own.Call<Activity>(Plan(lead, 1)), hidden);
  get.set_name(mine);
  EXPECT_EQ(own.Must<Activity>(get).name(), mine);
  EXPECT_TRUE(Complete(own, mine).ok());
  EXPECT_EQ(FromTimestamp(GetLead(lead).last_touch_time()), suite().clock().Now());
}

TEST_F(ActivityTest, ListsAcrossLeads) {
  const std::string one = CreateLead().name();
  const std::string two = CreateLead().name();
  const std::string a = admin_.Must<Activity>(Plan(one, 3, "users/ada")).name();
  const std::string b = admin_.Must<Activity>(Plan(two, 1, "users/ada")).name();
  const std::string done = admin_.Must<Activity>(Plan(two, 2, "users/ada")).name();
  admin_.Must<Activity>(Plan(two, 2, "users/ben"));
  ASSERT_TRUE(Complete(admin_, done).ok());
  pipeline::v1::ListActivitiesRequest list;
  list.set_parent("leads/-");
  list.set_filter("assignee = \"users/ada\" AND state = PLANNED");
  list.set_page_size(1);
  auto page = rep_.Must<pipeline::v1::ListActivitiesResponse>(list);
  ASSERT_EQ(page.activities_size(), 1);
  EXPECT_EQ(page.activities(0).name(), b);
  EXPECT_EQ(page.activities(0).due_state(), Activity::DUE_STATE_PLANNED);
  list.set_page_token(page.next_page_token());
  page = rep_.Must<pipeline::v1::ListActivitiesResponse>(list);
  ASSERT_EQ(page.activities_size(), 1);
  EXPECT_EQ(page.activities(0).name(), a);
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(ActivityTest, ATypeInUseIsNotDeleted) {
  const std::string type = CreateType("kept");
  const auto blocked = [&](const char* by) {
    pipeline::v1::DeleteActivityTypeRequest remove;
    remove.set_name(type);
    const auto status = admin_.Call<ActivityType>(remove).status();
    EXPECT_THAT(status, IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(by));
  };
  pipeline::v1::CreateStageRequest stage;
  stage.set_parent("pipelines/default");
  stage.mutable_stage()->set_display_name("Demo");
  auto* criterion = stage.mutable_stage()->add_exit_criteria();
  criterion->set_key("demo_given");
  criterion->set_display_name("Demo given");
  criterion->set_activity_type(type);
  admin_.Must<type::v1::Stage>(stage);
  blocked("stages");
  CreateType("suggesting", [&](ActivityType& other) { other.add_suggested_types(type); });
  blocked("activity types");
  pipeline::v1::CreateActivityPlanRequest plan;
  plan.mutable_activity_plan()->set_display_name("Onboarding");
  plan.mutable_activity_plan()->add_steps()->set_activity_type(type);
  admin_.Must<type::v1::ActivityPlan>(plan);
  blocked("activity plans");
  CreateType("alone", [](ActivityType& other) { other.add_suggested_types("activityTypes/alone"); });
  pipeline::v1::DeleteActivityTypeRequest remove;
  remove.set_name("activityTypes/alone");
  EXPECT_TRUE(admin_.Must<ActivityType>(remove).has_delete_time());
}

}  // namespace
}  // namespace embudo::testing
