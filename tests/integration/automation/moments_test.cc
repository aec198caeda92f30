// Rules that wait for a time: each lead and moment once, found however late it is looked for; months pass.

#include <set>
#include <string>
#include <vector>

#include "embudo/pipeline/v1/notification_service.pb.h"
#include "tests/integration/automation/suite.h"

namespace embudo::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;

class MomentsTest : public AutomationCase {
 protected:
  static Rule Marks(const std::string& text) {
    Rule rule;
    (*rule.add_actions()->mutable_update_fields()->mutable_fields())["pain"].set_string_value(text);
    return rule;
  }
  /// Waits until the time that is now has been looked at for all rules of the tenant.
  void LookNow() {
    const Time now = suite_->clock().Now();
    EXPECT_TRUE(Eventually([&] {
      return Sql("SELECT count(*) FROM automation.timer WHERE tenant_id = $1 AND next_time <= '" + FormatTime(now) +
                 "'")[0]
                     .Int(0) == 0 &&
             Sql("SELECT count(*) FROM automation.timer WHERE tenant_id = $1 AND (scanned_until IS NULL OR"
                 " scanned_until < next_time - interval '1 year')")[0]
                     .Int(0) == 0;
    }));
  }
  /// Lets time pass in steps, looking at each.
  void Pass(std::chrono::seconds time, std::chrono::seconds step) {
    for (std::chrono::seconds passed{0}; passed < time; passed += step) {
      suite_->Advance(step);
      LookNow();
    }
  }
};

TEST_F(MomentsTest, AStageThatIsStayedInTooLongIsToldOncePerStay) {
  AddUser("boss", false, type::v1::ROLE_MANAGER);
  pipeline::v1::UpdateTeamRequest team;
  team.mutable_team()->set_name(kTeam);
  team.mutable_team()->set_manager("users/boss");
  team.mutable_update_mask()->add_paths("manager");
  Pipeline<type::v1::Team>(team);
  Lead lead;
  lead.set_team(kTeam);
  const std::string name = CreateLead(lead).name();
  Move(name, kNegotiation);
  const std::string other = CreateLead(lead).name();  // stays in New
  CatchUp();
  SwitchOn("rules/stale-deal-alert");
  Pass(days(20), days(5));
  EXPECT_TRUE(Runs().empty()) << Dump();
  suite_->Advance(days(1) + hours(1));
  const AutomationRun run = SettledRuns(1).at(0);
  EXPECT_EQ(run.state(), AutomationRun::STATE_SUCCEEDED) << run.DebugString();
  EXPECT_EQ(run.lead(), name);
  EXPECT_EQ(run.event_type(), "time.due");
  EXPECT_EQ(FromTimestamp(run.event_time()), FromTimestamp(GetLead(name).stage_enter_time()) + days(21));
  EXPECT_EQ(GetLead(name).priority(), 1);
  // Months pass, and it is not told again.
  Pass(days(120), days(10));
  EXPECT_EQ(Runs().size(), 1u);
  // Another stay is another matter.
  Move(name, kProposal);
  Move(name, kNegotiation);
  suite_->Advance(days(22));
  EXPECT_EQ(SettledRuns(2).size(), 2u);
  EXPECT_EQ(GetLead(name).priority(), 2);
  EXPECT_EQ(GetLead(other).priority(), 0);
}

TEST_F(MomentsTest, LeadsThatNobodyTouchesGetAFollowUp) {
  SwitchOn("rules/follow-up-reminder");
  Lead lead;
  lead.set_team(kTeam);
  lead.set_owner("users/ada");
  const std::string quiet = CreateLead(lead).name();
  const std::string busy = CreateLead(lead).name();
  CatchUp();
  Pass(days(2), days(1));
  Describe(busy, "a person was here");
  CatchUp();
  suite_->Advance(days(1) + hours(1));
  const AutomationRun run = SettledRuns(1).at(0);
  EXPECT_EQ(run.lead(), quiet);
  ASSERT_EQ(Activities(quiet).size(), 1u);
  EXPECT_EQ(Activities(quiet)[0].assignee(), "users/ada");
  LookNow();
  EXPECT_EQ(Runs().size(), 1u);
  Pass(days(2), days(1));
  EXPECT_EQ(SettledRuns(2).size(), 2u);
  EXPECT_EQ(Activities(busy).size(), 1u);
  // What is planned keeps it quiet; the reminder's own activity among it.
  Pass(days(30), days(5));
  EXPECT_EQ(Runs().size(), 2u) << Dump();
}

TEST_F(MomentsTest, DatesBeforeAndAfterAndThoseThatAreMovedIntoThePast) {
  Rule before = Marks("soon");
  before.mutable_trigger()->mutable_date_reached()->set_field("expected_close_date");
  before.mutable_trigger()->mutable_date_reached()->mutable_offset()->set_seconds(-3 * 86400);
  Install("before", before);
  Rule renewal = Marks("renew");
  renewal.mutable_trigger()->mutable_date_reached()->set_field("custom_fields.renewal");
  const Day today = std::chrono::floor<days>(suite_->clock().Now());
  Lead lead;
  *lead.mutable_expected_close_date() = ToDate(today + days(10));
  const std::string soon = CreateLead(lead).name();
  *lead.mutable_expected_close_date() = ToDate(today + days(200));
  const std::string moved = CreateLead(lead).name();
  *lead.mutable_expected_close_date() = ToDate(today - days(30));
  const std::string past = CreateLead(lead).name();  // when the rule was on already: its moment came with its creation
  CatchUp();
  EXPECT_EQ(SettledRuns(1).at(0).lead(), past);
  Pass(days(6), days(2));
  EXPECT_EQ(Runs().size(), 1u);
  suite_->Advance(days(2));
  EXPECT_EQ(SettledRuns(2).size(), 2u);
  EXPECT_EQ(GetLead(soon).pain(), "soon");
  EXPECT_EQ(GetLead(moved).pain(), "");
  // The date comes nearer than the rule has looked already.
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(moved);
  *update.mutable_lead()->mutable_expected_close_date() = ToDate(today + days(1));
  update.mutable_update_mask()->add_paths("expected_close_date");
  Pipeline<Lead>(update);
  EXPECT_EQ(SettledRuns(3).size(), 3u);
  EXPECT_EQ(GetLead(moved).pain(), "soon");
}

TEST_F(MomentsTest, WhatWasDueBeforeADateRuleWasSwitchedOnDoesNotCount) {
  const Day today = std::chrono::floor<days>(suite_->clock().Now());
  Lead lead;
  *lead.mutable_decision_date() = ToDate(today - days(5));
  CreateLead(lead);
  *lead.mutable_decision_date() = ToDate(today + days(1));
  const std::string coming = CreateLead(lead).name();
  CatchUp();
  Rule rule = Marks("decide");
  rule.mutable_trigger()->mutable_date_reached()->set_field("decision_date");
  Install("decision", rule);
  LookNow();
  EXPECT_TRUE(Runs().empty()) << Dump();
  suite_->Advance(days(1));
  EXPECT_EQ(SettledRuns(1).at(0).lead(), coming);
  LookNow();
  EXPECT_EQ(Runs().size(), 1u);
}

TEST_F(MomentsTest, AnActivityThatIsOverdueSetsOffOncePerDay) {
  Rule rule = Marks("overdue");
  rule.mutable_trigger()->mutable_activity_overdue();
  Install("overdue", rule);
  const std::string lead = CreateLead().name();
  pipeline::v1::CreateActivityRequest create;
  create.set_parent(lead);
  create.mutable_activity()->set_summary("Call");
  *create.mutable_activity()->mutable_due_date() = ToDate(std::chrono::floor<days>(suite_->clock().Now()) + days(1));
  Pipeline<type::v1::Activity>(create);
  CatchUp();
  Pass(days(1), hours(12));
  EXPECT_TRUE(Runs().empty()) << Dump();
  suite_->Advance(days(1));
  EXPECT_EQ(SettledRuns(1).at(0).lead(), lead);
  EXPECT_EQ(GetLead(lead).pain(), "overdue");
  Pass(days(5), days(1));
  EXPECT_EQ(Runs().size(), 1u);
}

TEST_F(MomentsTest, WhatChangedBetweenFindingAndDoingIsDropped) {
  Rule rule = Marks("stale");
  rule.mutable_trigger()->mutable_stage_overstayed()->mutable_duration()->set_seconds(86400);
  Install("stale", rule);
  const std::string lead = CreateLead().name();
  CatchUp();
  // A run that was found for a stay that is over.
  Move(lead, kQualified);
  CatchUp();
  suite_->Advance(days(1) + hours(1));
  SettledRuns(1);
  Sql("UPDATE automation.run SET state = 'PENDING', results = '[]', end_time = NULL, event_time = event_time -"
      " interval '1 hour', next_attempt_time = '" +
      FormatTime(suite_->clock().Now()) + "', version = version + 1 WHERE tenant_id = $1");
  const auto dropped = AwaitRuns(1, "state = DROPPED");
  EXPECT_EQ(dropped.at(0).error(), "what was due has changed");
}

TEST_F(MomentsTest, AScheduleRunsOverTheLeadsThatMatchThen) {
  Rule rule = Marks("weekly");
  rule.mutable_trigger()->mutable_schedule()->set_cron("0 9 * * MON");
  EXPECT_EQ(CreateRule("unbound", rule).status().code(), absl::StatusCode::kInvalidArgument);
  rule.set_condition("description = \"mine\"");
  // It is Monday after nine.
  const Time now = suite_->clock().Now();
  const Day today = std::chrono::floor<days>(now);
  const auto to_monday = std::chrono::Monday - std::chrono::weekday(today) + days(7);
  suite_->Advance(std::chrono::ceil<std::chrono::seconds>(today + to_monday + hours(10) - now));
  Install("weekly", rule);
  std::set<std::string> mine;
  for (int i = 0; i < 3; ++i) mine.insert(CreateLead(kTeam, "mine").name());
  CreateLead(kTeam, "other");
  CatchUp();
  Pass(days(6), days(2));
  EXPECT_TRUE(Runs().empty()) << Dump();
  suite_->Advance(days(1) + hours(1));
  std::set<std::string> leads;
  for (const AutomationRun& run : SettledRuns(3)) {
    leads.insert(run.lead());
    EXPECT_EQ(run.event_type(), "schedule.due");
  }
  EXPECT_EQ(leads, mine);
  // The service is away for three Mondays: of those, the last is kept.
  suite_->Stop("automation");
  suite_->Advance(days(21));
  suite_->Start("automation");
  operator_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "automation");
  EXPECT_EQ(SettledRuns(6).size(), 6u);
  LookNow();
  EXPECT_EQ(Runs().size(), 6u);
}

TEST_F(MomentsTest, ThePipelineHasAnIndexForEachQuestion) {
  for (const char* index : {"lead_stage_enter_time", "lead_last_touch_time", "lead_next_activity_date",
                            "lead_expected_close_date", "lead_decision_date", "lead_close_time", "lead_create_time"}) {
    EXPECT_EQ(suite_
                  ->Query("SELECT count(*) FROM pg_indexes WHERE schemaname = 'pipeline' AND indexname = $1",
                          db::Params::Of(index))[0]
                  .Int(0),
              1)
        << index;
  }
}

}  // namespace
}  // namespace embudo::testing
