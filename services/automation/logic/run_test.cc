// What a run does: whom it chooses, what it asks of the pipeline, how it ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "services/automation/logic/attempts.h"
#include "services/automation/logic/choose.h"
#include "services/automation/logic/delivery.h"
#include "services/automation/logic/pace.h"
#include "services/automation/logic/requests.h"

namespace embudo::automation::logic {
namespace {

using google::protobuf::NULL_VALUE;
using type::v1::Lead;

v1::Run ARun() {
  v1::Run run;
  run.set_rule("rules/r");
  run.set_rule_version(2);
  run.set_event_id("018f0000-0000-7000-8000-0000000000ee");
  run.set_lead("leads/018f0000-0000-7000-8000-000000000001");
  run.mutable_event_date()->set_year(2026);
  run.mutable_event_date()->set_month(12);
  run.mutable_event_date()->set_day(30);
  return run;
}

const Uuid kId = RequestIdOf("acme", ARun(), "0");

TEST(RequestId, IsTheSameForTheSameActionAndDiffersElse) {
  EXPECT_EQ(RequestIdOf("acme", ARun(), "0"), kId);
  EXPECT_NE(RequestIdOf("acme", ARun(), "1"), kId);
  EXPECT_NE(RequestIdOf("other", ARun(), "0"), kId);
  v1::Run run = ARun();
  run.set_rule_version(3);
  EXPECT_NE(RequestIdOf("acme", run, "0"), kId);
  run = ARun();
  run.set_event_id("018f0000-0000-7000-8000-0000000000ef");
  EXPECT_NE(RequestIdOf("acme", run, "0"), kId);
  run = ARun();
  run.set_rule("rules/other");
  EXPECT_NE(RequestIdOf("acme", run, "0"), kId);
}

TEST(ActivityRequest, IsDueDaysAfterTheEvent) {
  v1::Action::CreateActivity action;
  action.set_type(type::v1::Activity::TYPE_MEETING);
  action.set_summary("Discovery");
  action.set_due_in_days(3);
  const auto request = ActivityRequest(ARun(), action, kId);
  EXPECT_EQ(request.parent(), ARun().lead());
  EXPECT_EQ(request.request_id(), kId.ToString());
  EXPECT_EQ(request.activity().type(), type::v1::Activity::TYPE_MEETING);
  EXPECT_EQ(request.activity().summary(), "Discovery");
  EXPECT_EQ(FormatDate(request.activity().due_date()), "2027-01-02");
}

TEST(AssignRequest, KeepsAnOwner) {
  v1::Assignment assignment;
  assignment.set_team("teams/east");
  assignment.set_owner("users/ada");
  v1::Action::Assign action;
  EXPECT_EQ(AssignRequest(ARun(), action, assignment, kId).team(), "");  // the lead's own
  action.set_team("teams/east");
  const auto request = AssignRequest(ARun(), action, assignment, kId);
  EXPECT_EQ(request.team(), "teams/east");
  EXPECT_EQ(request.name(), ARun().lead());
  EXPECT_EQ(request.owner(), "users/ada");
  EXPECT_TRUE(request.only_if_unowned());
}

TEST(UpdateRequest, TakesValuesInJsonForm) {
  v1::Action::UpdateFields action;
  auto& fields = *action.mutable_fields();
  fields["headcount"].set_number_value(120);
  fields["pain"].set_null_value(NULL_VALUE);
  fields["lead_status"].set_string_value("LEAD_STATUS_WORKING");
  fields["custom_fields.region"].set_string_value("EMEA");
  fields["custom_fields.old"].set_null_value(NULL_VALUE);
  fields["tags"].mutable_list_value()->add_values()->set_string_value("tags/vip");
  (*fields["budget"].mutable_struct_value()->mutable_fields())["currencyCode"].set_string_value("EUR");
  (*fields["budget"].mutable_struct_value()->mutable_fields())["units"].set_string_value("5000");
  const auto request = UpdateRequest(ARun(), action, kId);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->lead().name(), ARun().lead());
  EXPECT_EQ(request->lead().headcount(), 120);
  EXPECT_EQ(request->lead().lead_status(), Lead::LEAD_STATUS_WORKING);
  EXPECT_EQ(request->lead().budget().units(), 5000);
  EXPECT_THAT(request->lead().tags(), testing::ElementsAre("tags/vip"));
  EXPECT_EQ(request->lead().custom_fields_size(), 1);
  EXPECT_EQ(request->lead().custom_fields().at("region").string_value(), "EMEA");
  EXPECT_THAT(request->update_mask().paths(),
              testing::ElementsAre("budget", "custom_fields.old", "custom_fields.region", "headcount", "lead_status",
                                   "pain", "tags"));
}

TEST(UpdateRequest, RefusesWhatAnUpdateCannotChange) {
  for (const char* field : {"stage", "owner", "state", "name", "etag", "nonsense", "custom_fields."}) {
    v1::Action::UpdateFields action;
    (*action.mutable_fields())[field].set_string_value("x");
    EXPECT_EQ(CheckUpdate(action, "f").code(), absl::StatusCode::kInvalidArgument) << field;
  }
  v1::Action::UpdateFields action;
  EXPECT_FALSE(CheckUpdate(action, "f").ok());
  (*action.mutable_fields())["headcount"].set_string_value("many");
  EXPECT_FALSE(CheckUpdate(action, "f").ok());
}

std::vector<Member> Members(int count) {
  std::vector<Member> members(count);
  for (int i = 0; i < count; ++i) {
    members[i].membership_id = "m" + std::to_string(i);
    members[i].user = "users/u" + std::to_string(i);
  }
  return members;
}

/// Chooses for one lead after the other, as the store does.
std::map<std::string, int> Deal(std::vector<Member>& members, const std::vector<Lead>& leads) {
  std::map<std::string, int> dealt;
  int64_t turn = 0;
  for (const Lead& lead : leads) {
    const auto choice = ChooseRoundRobin(members, lead, {}, Time());
    if (!choice) continue;
    ++dealt[choice->member->user];
    members[static_cast<size_t>(choice->member - members.data())].last_turn = ++turn;
  }
  return dealt;
}

TEST(RoundRobin, DealsEvenly) {
  auto members = Members(3);
  const auto dealt = Deal(members, std::vector<Lead>(31));
  EXPECT_EQ(dealt, (std::map<std::string, int>{{"users/u0", 11}, {"users/u1", 10}, {"users/u2", 10}}));
}

TEST(RoundRobin, LeavesOutThePausedTheDisabledAndThoseWhoseFilterDoesNotMatch) {
  auto members = Members(4);
  members[0].paused = true;
  members[1].disabled = true;
  members[2].assignment_filter = "country = \"ES\"";
  Lead spanish;
  spanish.set_country("ES");
  EXPECT_EQ(ChooseRoundRobin(members, Lead(), {}, Time())->member->user, "users/u3");
  EXPECT_EQ(ChooseRoundRobin(members, Lead(), {}, Time())->eligible_count, 1);
  EXPECT_EQ(ChooseRoundRobin(members, spanish, {}, Time())->eligible_count, 2);
  members[3].assignment_filter = "no such field";
  EXPECT_FALSE(ChooseRoundRobin(members, Lead(), {}, Time()).has_value());
  EXPECT_FALSE(ChooseRoundRobin({}, spanish, {}, Time()).has_value());
}

TEST(RoundRobin, StaysFairWhenFiltersLeaveMembersOut) {
  auto members = Members(2);
  members[0].assignment_filter = "country = \"ES\"";
  Lead spanish;
  spanish.set_country("ES");
  std::vector<Lead> leads;
  for (int i = 0; i < 40; ++i) leads.push_back(i % 2 == 0 ? spanish : Lead());
  // Only the second can take the others, so the first is next for each Spanish one.
  EXPECT_EQ(Deal(members, leads), (std::map<std::string, int>{{"users/u0", 20}, {"users/u1", 20}}));
}

TEST(Attempts, BackOffDoublesUpToFiveMinutes) {
  using std::chrono::seconds;
  EXPECT_EQ(BackOff(1), seconds(1));
  EXPECT_EQ(BackOff(2), seconds(2));
  EXPECT_EQ(BackOff(9), seconds(256));
  EXPECT_EQ(BackOff(10), seconds(300));
  EXPECT_EQ(BackOff(1000), seconds(300));
}

TEST(Attempts, PassingErrorsAreTriedAgainUntilTheTenth) {
  const Time now = Time() + std::chrono::hours(1);
  v1::Run run = ARun();
  run.set_attempts(3);
  FinishAttempt(absl::UnavailableError("away"), now, &run);
  EXPECT_EQ(run.state(), v1::Run::STATE_FAILED);
  EXPECT_EQ(FromTimestamp(run.next_attempt_time()), now + std::chrono::seconds(4));
  EXPECT_EQ(run.error(), "UNAVAILABLE: away");
  EXPECT_FALSE(run.has_end_time());

  run.set_attempts(10);
  FinishAttempt(absl::UnavailableError("away"), now, &run);
  EXPECT_EQ(run.state(), v1::Run::STATE_DEAD);
  EXPECT_FALSE(run.has_next_attempt_time());
  EXPECT_EQ(FromTimestamp(run.end_time()), now);
}

TEST(Attempts, LastingErrorsEndTheRunAtOnce) {
  v1::Run run = ARun();
  run.set_attempts(1);
  FinishAttempt(NotFound("embudo.dev/Lead", "leads/x"), Time(), &run);
  EXPECT_EQ(run.state(), v1::Run::STATE_DEAD);
  EXPECT_THAT(run.error(), testing::StartsWith("RESOURCE_NOT_FOUND: "));
  EXPECT_TRUE(MayPass(Error(absl::StatusCode::kFailedPrecondition, kNoMember, "nobody")));
  EXPECT_FALSE(MayPass(absl::FailedPreconditionError("criteria")));

  FinishAttempt(Progress(), Time(), &run);
  EXPECT_EQ(run.state(), v1::Run::STATE_SUCCEEDED);
  EXPECT_EQ(run.error(), "");
}

TEST(Attempts, AWaitIsNoAttempt) {
  v1::Run run = ARun();
  run.set_attempts(2);
  const Time until = Time() + std::chrono::days(3);
  FinishAttempt(Progress{.kind = Progress::Kind::kWaiting, .until = until}, Time(), &run);
  EXPECT_EQ(run.state(), v1::Run::STATE_WAITING);
  EXPECT_EQ(run.attempts(), 0);
  EXPECT_EQ(FromTimestamp(run.next_attempt_time()), until);
  EXPECT_FALSE(run.has_end_time());
  FinishAttempt(Progress{.kind = Progress::Kind::kDropped, .why = "nothing"}, until, &run);
  EXPECT_EQ(run.state(), v1::Run::STATE_DROPPED);
  EXPECT_EQ(run.error(), "nothing");
  EXPECT_TRUE(run.has_end_time());
}

TEST(Delivery, BacksOffUpToSixHours) {
  using std::chrono::seconds;
  EXPECT_EQ(DeliveryBackOff(1), seconds(10));
  EXPECT_EQ(DeliveryBackOff(2), seconds(20));
  EXPECT_EQ(DeliveryBackOff(30), std::chrono::hours(6));
  EXPECT_EQ(WebhookPause(2), seconds(0));
  EXPECT_EQ(WebhookPause(3), seconds(2));
  EXPECT_EQ(WebhookPause(1000), std::chrono::minutes(5));
}

TEST(Pace, VeryManyRunsAreBulkAndThePauseHeals) {
  Pace pace;
  const auto begin = std::chrono::steady_clock::time_point() + std::chrono::hours(1);
  for (int i = 0; i < static_cast<int>(Pace::kBurst); ++i) ASSERT_FALSE(pace.IsBulk("a", begin)) << i;
  EXPECT_TRUE(pace.IsBulk("a", begin));
  EXPECT_FALSE(pace.IsBulk("b", begin));
  EXPECT_FALSE(pace.IsBulk("a", begin + std::chrono::seconds(1)));
}

}  // namespace
}  // namespace embudo::automation::logic
