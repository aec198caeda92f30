#include "services/pipeline/logic/activity_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using std::chrono::hours;
using type::v1::Activity;
using type::v1::ActivityPlan;
using type::v1::ActivityType;
using type::v1::Lead;
using type::v1::PlanStep;

Day Date(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day));
}

std::string FieldOf(const absl::Status& status) {
  const google::rpc::Status details = ToRpcStatus(status);
  google::rpc::BadRequest bad;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&bad) && bad.field_violations_size() == 1) return bad.field_violations(0).field();
  }
  return status.ok() ? "" : MessageOf(status);
}

class ActivityRulesTest : public ::testing::Test {
 protected:
  ActivityRulesTest() {
    catalog_.tenant.set_time_zone("UTC");
    AddUser("ada", "");
    AddUser("tonga", "Pacific/Tongatapu");  // 13 hours ahead
    AddUser("samoa", "Pacific/Pago_Pago");  // 11 hours behind
    AddUser("gone", "").set_disabled(true);
    lead_.set_name("leads/1");
    lead_.set_owner("users/ada");
  }

  type::v1::User& AddUser(const std::string& id, const std::string& zone) {
    type::v1::User& user = catalog_.users["users/" + id];
    user.set_name("users/" + id);
    user.set_time_zone(zone);
    return user;
  }
  ActivityType& AddType(const std::string& id, Activity::Type kind = Activity::TYPE_CALL) {
    ActivityType& type = catalog_.activity_types.emplace_back();
    type.set_name("activityTypes/" + id);
    type.set_display_name(id);
    type.set_type(kind);
    return type;
  }
  static Activity Given(const std::string& summary = "Call them") {
    Activity activity;
    activity.set_name("leads/1/activities/1");
    activity.set_summary(summary);
    *activity.mutable_due_date() = ToDate(Date(2026, 6, 20));
    return activity;
  }
  Scene scene() const { return {catalog_, now_, "users/ada", type::v1::ORIGIN_API}; }

  Catalog catalog_;
  Lead lead_;
  Time now_ = Date(2026, 6, 15) + hours(12);
};

TEST_F(ActivityRulesTest, DelaysEndOnDaysThatAreThere) {
  using namespace type::v1;  // NOLINT(google-build-using-namespace): the units
  EXPECT_EQ(AddDelay(Date(2026, 1, 31), 1, DELAY_UNIT_MONTH), Date(2026, 2, 28));
  EXPECT_EQ(AddDelay(Date(2027, 12, 31), 2, DELAY_UNIT_MONTH), Date(2028, 2, 29));
  EXPECT_EQ(AddDelay(Date(2026, 3, 31), -1, DELAY_UNIT_MONTH), Date(2026, 2, 28));
  EXPECT_EQ(AddDelay(Date(2026, 1, 15), -1, DELAY_UNIT_MONTH), Date(2025, 12, 15));
  EXPECT_EQ(AddDelay(Date(2026, 12, 28), 1, DELAY_UNIT_WEEK), Date(2027, 1, 4));
  EXPECT_EQ(AddDelay(Date(2026, 2, 28), 1, DELAY_UNIT_UNSPECIFIED), Date(2026, 3, 1));
  EXPECT_EQ(AddDelay(Date(2026, 3, 1), -1, DELAY_UNIT_DAY), Date(2026, 2, 28));
}

TEST_F(ActivityRulesTest, TodayIsTheUsersAndElseTheTenants) {
  EXPECT_EQ(TodayOf(catalog_, "users/tonga", now_), Date(2026, 6, 16));
  EXPECT_EQ(TodayOf(catalog_, "users/samoa", Date(2026, 6, 15) + hours(10)), Date(2026, 6, 14));
  EXPECT_EQ(TodayOf(catalog_, "users/ada", now_), Date(2026, 6, 15));
  catalog_.tenant.set_time_zone("Pacific/Tongatapu");
  EXPECT_EQ(TodayOf(catalog_, "users/ada", now_), Date(2026, 6, 16));
  EXPECT_EQ(TodayOf(catalog_, "", now_), Date(2026, 6, 16));
}

TEST_F(ActivityRulesTest, DueStateGoesByTheAssigneesDay) {
  Activity activity = Given();
  activity.set_state(Activity::STATE_PLANNED);
  *activity.mutable_due_date() = ToDate(Date(2026, 6, 15));
  activity.set_assignee("users/ada");
  EXPECT_EQ(DueStateOf(catalog_, now_, activity), Activity::DUE_STATE_TODAY);
  activity.set_assignee("users/tonga");
  EXPECT_EQ(DueStateOf(catalog_, now_, activity), Activity::DUE_STATE_OVERDUE);
  activity.set_assignee("users/samoa");
  EXPECT_EQ(DueStateOf(catalog_, Date(2026, 6, 15) + hours(10), activity), Activity::DUE_STATE_PLANNED);
  activity.set_state(Activity::STATE_DONE);
  EXPECT_EQ(DueStateOf(catalog_, now_, activity), Activity::DUE_STATE_UNSPECIFIED);
}

TEST_F(ActivityRulesTest, TypeAndKindFindEachOther) {
  AddType("call");
  AddType("cold-call");
  AddType("demo", Activity::TYPE_MEETING);
  Activity by_kind = Given();
  by_kind.set_type(Activity::TYPE_CALL);
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, by_kind).ok());
  EXPECT_EQ(by_kind.activity_type(), "activityTypes/call");
  Activity by_type = Given();
  by_type.set_type(Activity::TYPE_EMAIL);
  by_type.set_activity_type("activityTypes/demo");
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, by_type).ok());
  EXPECT_EQ(by_type.type(), Activity::TYPE_MEETING);
  Activity uncatalogued = Given();
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, uncatalogued).ok());
  EXPECT_EQ(uncatalogued.type(), Activity::TYPE_TODO);
  EXPECT_EQ(uncatalogued.activity_type(), "");

  // An update of one takes the other along.
  Activity changed = by_kind;
  changed.set_activity_type("activityTypes/demo");
  ASSERT_TRUE(PrepareChangedActivity(scene(), by_kind, changed).ok());
  EXPECT_EQ(changed.type(), Activity::TYPE_MEETING);
  changed = by_type;
  changed.set_type(Activity::TYPE_CALL);
  ASSERT_TRUE(PrepareChangedActivity(scene(), by_type, changed).ok());
  EXPECT_EQ(changed.activity_type(), "activityTypes/call");
  changed.set_activity_type("activityTypes/none");
  EXPECT_EQ(FieldOf(PrepareChangedActivity(scene(), by_type, changed)), "activity.activity_type");
}

TEST_F(ActivityRulesTest, ATypeFillsWhatIsLeftOpen) {
  ActivityType& type = AddType("call");
  type.set_default_summary("Qualify");
  type.set_default_note("BANT");
  type.set_default_assignee("users/tonga");
  type.set_delay_count(2);
  type.set_delay_unit(type::v1::DELAY_UNIT_WEEK);
  Activity activity;
  activity.set_type(Activity::TYPE_CALL);
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, activity).ok());
  EXPECT_EQ(activity.summary(), "Qualify");
  EXPECT_EQ(activity.note(), "BANT");
  EXPECT_EQ(activity.assignee(), "users/tonga");
  EXPECT_EQ(FromDate(activity.due_date()), Date(2026, 6, 30));  // it is the 16th in Tonga
  EXPECT_EQ(activity.state(), Activity::STATE_PLANNED);

  Activity given = Given();
  given.set_type(Activity::TYPE_CALL);
  given.set_note("Mine");
  given.set_assignee("users/samoa");
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, given).ok());
  EXPECT_EQ(given.summary() + given.note() + given.assignee(), "Call themMineusers/samoa");
  EXPECT_EQ(FromDate(given.due_date()), Date(2026, 6, 20));
}

TEST_F(ActivityRulesTest, WhatNobodyGivesIsRequired) {
  Activity activity = Given("");
  EXPECT_EQ(FieldOf(PrepareNewActivity(scene(), lead_, activity)), "activity.summary");
  activity = Given();
  activity.clear_due_date();
  EXPECT_EQ(FieldOf(PrepareNewActivity(scene(), lead_, activity)), "activity.due_date");
}

TEST_F(ActivityRulesTest, DisabledUsersGetNothing) {
  Activity activity = Given();
  activity.set_assignee("users/gone");
  EXPECT_EQ(FieldOf(PrepareNewActivity(scene(), lead_, activity)), "activity.assignee");
  activity.set_assignee("users/nobody");
  EXPECT_EQ(FieldOf(PrepareNewActivity(scene(), lead_, activity)), "activity.assignee");
  // A default that has left is passed over.
  AddType("call").set_default_assignee("users/gone");
  activity = Given();
  activity.set_type(Activity::TYPE_CALL);
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, activity).ok());
  EXPECT_EQ(activity.assignee(), "users/ada");
  lead_.set_owner("users/gone");
  activity.clear_assignee();
  ASSERT_TRUE(PrepareNewActivity(scene(), lead_, activity).ok());
  EXPECT_EQ(activity.assignee(), "");
  // Who has it keeps it.
  Activity before = Given();
  before.set_assignee("users/gone");
  Activity after = before;
  after.set_note("x");
  EXPECT_TRUE(PrepareChangedActivity(scene(), before, after).ok());
}

TEST_F(ActivityRulesTest, SnoozingPutsOff) {
  Activity activity = Given();
  activity.set_state(Activity::STATE_PLANNED);
  *activity.mutable_due_date() = ToDate(Date(2026, 6, 10));
  activity.set_assignee("users/tonga");
  EXPECT_EQ(FieldOf(Snooze(scene(), nullptr, 0, activity)), "due_date");
  const google::type::Date over = ToDate(Date(2026, 6, 15));  // in Tonga
  EXPECT_EQ(FieldOf(Snooze(scene(), &over, 0, activity)), "due_date");
  EXPECT_EQ(FieldOf(Snooze(scene(), &over, 1, activity)), "days");
  ASSERT_TRUE(Snooze(scene(), nullptr, 1, activity).ok());
  EXPECT_EQ(FromDate(activity.due_date()), Date(2026, 6, 17));
  EXPECT_EQ(FieldOf(Snooze(scene(), nullptr, 1, activity)), "days");  // no later
  activity.set_state(Activity::STATE_CANCELLED);
  EXPECT_EQ(ReasonOf(Snooze(scene(), nullptr, 5, activity)), "ACTIVITY_NOT_PLANNED");
}

TEST_F(ActivityRulesTest, DoneTriggersTheNext) {
  AddType("call").set_triggered_type("activityTypes/follow-up");
  AddType("follow-up", Activity::TYPE_EMAIL);
  ActivityType& next_type = catalog_.activity_types.back();
  next_type.set_delay_count(3);
  Activity done = Given();
  done.set_activity_type("activityTypes/call");
  *done.mutable_due_date() = ToDate(Date(2026, 6, 1));
  auto next = TriggeredBy(scene(), lead_, done);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->activity_type(), "activityTypes/follow-up");
  EXPECT_EQ(next->type(), Activity::TYPE_EMAIL);
  EXPECT_EQ(next->summary(), "follow-up");
  EXPECT_EQ(next->assignee(), "users/ada");
  EXPECT_EQ(FromDate(next->due_date()), Date(2026, 6, 18));
  next_type.set_delay_from(ActivityType::DELAY_FROM_PREVIOUS_DUE_DATE);
  next_type.set_default_summary("Send the offer");
  next = TriggeredBy(scene(), lead_, done);
  EXPECT_EQ(FromDate(next->due_date()), Date(2026, 6, 4));
  EXPECT_EQ(next->summary(), "Send the offer");
  done.set_activity_type("activityTypes/follow-up");
  EXPECT_FALSE(TriggeredBy(scene(), lead_, done).has_value());
}

TEST_F(ActivityRulesTest, TypesMakeSense) {
  AddType("a").set_triggered_type("activityTypes/b");
  AddType("b").set_triggered_type("activityTypes/c");
  AddType("c");
  ActivityType type = catalog_.activity_types[2];
  type.set_triggered_type("activityTypes/a");
  EXPECT_EQ(FieldOf(PrepareActivityType(scene(), type, nullptr)), "activity_type.triggered_type");
  type.set_triggered_type("activityTypes/c");
  EXPECT_EQ(FieldOf(PrepareActivityType(scene(), type, nullptr)), "activity_type.triggered_type");
  type.set_triggered_type("activityTypes/x");
  EXPECT_EQ(FieldOf(PrepareActivityType(scene(), type, nullptr)), "activity_type.triggered_type");
  type.clear_triggered_type();
  type.add_suggested_types("activityTypes/c");
  EXPECT_TRUE(PrepareActivityType(scene(), type, nullptr).ok());
  type.add_suggested_types("activityTypes/x");
  EXPECT_EQ(FieldOf(PrepareActivityType(scene(), type, nullptr)), "activity_type.suggested_types");
  ActivityType both = catalog_.activity_types[0];
  both.add_suggested_types("activityTypes/c");
  EXPECT_EQ(FieldOf(PrepareActivityType(scene(), both, nullptr)), "activity_type.suggested_types");
  ActivityType assigned = catalog_.activity_types[0];
  assigned.set_default_assignee("users/gone");
  EXPECT_EQ(FieldOf(PrepareActivityType(scene(), assigned, nullptr)), "activity_type.default_assignee");
  EXPECT_TRUE(PrepareActivityType(scene(), assigned, &assigned).ok());
}

TEST_F(ActivityRulesTest, PlansMakeSense) {
  AddType("call");
  ActivityPlan plan;
  plan.add_steps()->set_activity_type("activityTypes/call");
  EXPECT_TRUE(PrepareActivityPlan(scene(), plan, nullptr).ok());
  PlanStep& step = *plan.add_steps();
  step.set_activity_type("activityTypes/none");
  EXPECT_EQ(FieldOf(PrepareActivityPlan(scene(), plan, nullptr)), "activity_plan.steps[1].activity_type");
  step.set_activity_type("activityTypes/call");
  step.set_assignee("users/ada");
  EXPECT_EQ(FieldOf(PrepareActivityPlan(scene(), plan, nullptr)), "activity_plan.steps[1].assignee");
  step.set_assignee_mode(PlanStep::ASSIGNEE_MODE_FIXED);
  EXPECT_TRUE(PrepareActivityPlan(scene(), plan, nullptr).ok());
  step.set_assignee("users/gone");
  EXPECT_EQ(FieldOf(PrepareActivityPlan(scene(), plan, nullptr)), "activity_plan.steps[1].assignee");
  EXPECT_TRUE(PrepareActivityPlan(scene(), plan, &plan).ok());
  step.clear_assignee();
  EXPECT_EQ(FieldOf(PrepareActivityPlan(scene(), plan, nullptr)), "activity_plan.steps[1].assignee");
}

}  // namespace
}  // namespace embudo::pipeline::logic
