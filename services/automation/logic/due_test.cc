// Moments: cron's fields, days of a time zone, what is asked of the pipeline.

#include "services/automation/logic/due.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "services/automation/logic/cron.h"

namespace embudo::automation::logic {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using type::v1::Lead;
using v1::Trigger;

Time At(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  return std::chrono::sys_days(std::chrono::year(year) / month / day) + hours(hour) + minutes(minute);
}

Time NextOf(const std::string& cron, Time after, const std::string& zone = "UTC") {
  const auto parsed = Cron::Parse(cron, "cron");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? parsed->Next(after, ZoneOf(zone)).value_or(Time()) : Time();
}

TEST(Cron, FieldsAreCrons) {
  const Time monday = At(2026, 6, 15, 9);
  EXPECT_EQ(NextOf("* * * * *", monday), monday + minutes(1));
  EXPECT_EQ(NextOf("0 9 * * *", monday), monday + hours(24));
  EXPECT_EQ(NextOf("30 9,17 * * MON-FRI", monday), At(2026, 6, 15, 9, 30));
  EXPECT_EQ(NextOf("*/20 * * * *", monday + minutes(25)), monday + minutes(40));
  EXPECT_EQ(NextOf("0 0 1 jan *", monday), At(2027, 1, 1));
  EXPECT_EQ(NextOf("0 8 * * 7", monday), At(2026, 6, 21, 8));
  EXPECT_EQ(NextOf("0 8 * * sun", monday), At(2026, 6, 21, 8));
  // Either day will do where both kinds are given.
  EXPECT_EQ(NextOf("0 0 20 * 3", monday), At(2026, 6, 17));
  EXPECT_EQ(NextOf("0 0 29 2 *", monday), At(2028, 2, 29));
  EXPECT_EQ(NextOf("0 0 31 2 *", monday), Time());
}

TEST(Cron, WrongOnesAreRefused) {
  for (const char* text : {"", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
                           "a * * * *", "5-1 * * * *", "*/0 * * * *", "1/2/3 * * * *", "* * * * * *"}) {
    EXPECT_EQ(Cron::Parse(text, "cron").status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Cron, GoesByTheClocksOfTheZone) {
  EXPECT_EQ(NextOf("0 9 * * *", At(2026, 6, 15, 9), "Europe/Madrid"), At(2026, 6, 16, 7));
  EXPECT_EQ(NextOf("0 9 * * *", At(2026, 12, 15, 9), "Europe/Madrid"), At(2026, 12, 16, 8));
  // 29 March 2026: the clocks skip 2:30. 25 October: they show it twice, and the first counts.
  EXPECT_EQ(NextOf("30 2 * * *", At(2026, 3, 28, 12), "Europe/Madrid"), At(2026, 3, 30, 0, 30));
  EXPECT_EQ(NextOf("30 2 * * *", At(2026, 10, 24, 12), "Europe/Madrid"), At(2026, 10, 25, 0, 30));
  EXPECT_EQ(NextOf("30 2 * * *", At(2026, 10, 25, 0, 30), "Europe/Madrid"), At(2026, 10, 26, 1, 30));
}

TEST(Due, DatesBeginAtMidnightOfTheZone) {
  Trigger trigger;
  trigger.mutable_date_reached()->set_field("expected_close_date");
  trigger.mutable_date_reached()->mutable_offset()->set_seconds(-3 * 86400);
  Lead lead;
  EXPECT_EQ(DueOf(trigger, lead, ZoneOf("UTC")), std::nullopt);
  *lead.mutable_expected_close_date() = ToDate(std::chrono::sys_days(std::chrono::year(2026) / 7 / 10));
  EXPECT_EQ(DueOf(trigger, lead, ZoneOf("UTC")), At(2026, 7, 7));
  EXPECT_EQ(DueOf(trigger, lead, ZoneOf("America/New_York")), At(2026, 7, 7, 4));
  trigger.mutable_date_reached()->set_field("custom_fields.renewal");
  (*lead.mutable_custom_fields())["renewal"].set_string_value("2026-08-04");
  EXPECT_EQ(DueOf(trigger, lead, ZoneOf("UTC")), At(2026, 8, 1));
}

TEST(Due, OnlyOpenLeadsOverstayAndAreUntouched) {
  Trigger stay;
  stay.mutable_stage_overstayed()->set_stage("pipelines/p/stages/s");
  stay.mutable_stage_overstayed()->mutable_duration()->set_seconds(21 * 86400);
  Lead lead;
  lead.set_state(Lead::STATE_OPEN);
  lead.set_stage("pipelines/p/stages/s");
  *lead.mutable_stage_enter_time() = ToTimestamp(At(2026, 6, 1, 10));
  *lead.mutable_create_time() = ToTimestamp(At(2026, 5, 1));
  EXPECT_EQ(DueOf(stay, lead, ZoneOf("UTC")), At(2026, 6, 22, 10));
  Trigger untouched;
  untouched.mutable_untouched()->mutable_duration()->set_seconds(3 * 86400);
  EXPECT_EQ(DueOf(untouched, lead, ZoneOf("UTC")), At(2026, 5, 4));
  *lead.mutable_last_touch_time() = ToTimestamp(At(2026, 6, 2));
  EXPECT_EQ(DueOf(untouched, lead, ZoneOf("UTC")), At(2026, 6, 5));
  Trigger overdue;
  overdue.mutable_activity_overdue();
  EXPECT_EQ(DueOf(overdue, lead, ZoneOf("UTC")), std::nullopt);
  *lead.mutable_next_activity_date() = ToDate(std::chrono::sys_days(std::chrono::year(2026) / 6 / 9));
  EXPECT_EQ(DueOf(overdue, lead, ZoneOf("UTC")), At(2026, 6, 10));
  EXPECT_EQ(DueOf(untouched, lead, ZoneOf("UTC")), std::nullopt);
  lead.set_state(Lead::STATE_LOST);
  for (const Trigger& trigger : {stay, untouched, overdue})
    EXPECT_EQ(DueOf(trigger, lead, ZoneOf("UTC")), std::nullopt);
}

TEST(Due, AsksForAWindowOfTheField) {
  Trigger trigger;
  trigger.mutable_stage_overstayed()->mutable_duration()->set_seconds(3600);
  const auto queries = DueQueries(trigger, At(2026, 6, 1, 10), At(2026, 6, 1, 11), ZoneOf("UTC"));
  ASSERT_EQ(queries.size(), 1u);
  EXPECT_EQ(queries[0].filter,
            "state = OPEN AND NOT archived AND stage_enter_time > \"2026-06-01T09:00:00.000000Z\""
            " AND stage_enter_time <= \"2026-06-01T10:00:00.000000Z\"");
  EXPECT_EQ(queries[0].order_by, "stage_enter_time");
  Trigger date;
  date.mutable_date_reached()->set_field("decision_date");
  const auto of_date = DueQueries(date, At(2026, 6, 1, 10), At(2026, 6, 2, 10), ZoneOf("UTC"));
  EXPECT_EQ(of_date[0].filter, "decision_date >= \"2026-06-02\" AND decision_date < \"2026-06-03\"");
}

}  // namespace
}  // namespace embudo::automation::logic
