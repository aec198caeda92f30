#include "tools/cli/event_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace embudo::cli {
namespace {

using pipeline::v1::TailStart;

type::v1::Event Example() {
  type::v1::Event event;
  event.set_id("0193b6b0-0000-7000-8000-000000000001");
  event.set_type("lead.won");
  event.set_subject("leads/1");
  event.set_actor("users/ada");
  event.set_tenant("acme");
  event.mutable_time()->set_seconds(0);
  return event;
}

std::string Printed(Format format, const type::v1::Event& event) {
  std::ostringstream out;
  Output output(format, out);
  EventLines lines(output);
  EXPECT_TRUE(lines.Print(event).ok());
  return out.str();
}

TEST(ParsePlaceTest, KnowsNamesTimesAndCursors) {
  EXPECT_EQ(ParsePlace("earliest").position(), TailStart::POSITION_EARLIEST);
  EXPECT_EQ(ParsePlace("latest").position(), TailStart::POSITION_LATEST);
  EXPECT_EQ(ParsePlace("snapshot").position(), TailStart::POSITION_SNAPSHOT);
  EXPECT_EQ(ParsePlace("1970-01-01T00:01:00Z").time().seconds(), 60);
  EXPECT_EQ(ParsePlace("XnMNoXUOjxkBFko8W1z7").cursor(), "XnMNoXUOjxkBFko8W1z7");
}

TEST(EventLinesTest, PrintsALineInEachFormat) {
  EXPECT_EQ(Printed(Format::kTable, Example()), "1970-01-01T00:00:00Z  lead.won  leads/1  users/ada\n");
  EXPECT_EQ(Printed(Format::kCsv, Example()),
            "time,type,subject,actor\r\n1970-01-01T00:00:00Z,lead.won,leads/1,users/ada\r\n");
  EXPECT_EQ(Json::parse(Printed(Format::kJson, Example()))["subject"], "leads/1");
  const Json cloud_event = Json::parse(Printed(Format::kCloudEvents, Example()));
  EXPECT_EQ(cloud_event["specversion"], "1.0");
  EXPECT_EQ(cloud_event["source"], "/tenants/acme");
}

TEST(EventLinesTest, ALeadOfASnapshotIsMarked) {
  type::v1::Lead lead;
  lead.set_name("leads/1");
  std::ostringstream out;
  Output json(Format::kJson, out);
  EXPECT_TRUE(EventLines(json).Print(lead).ok());
  EXPECT_EQ(Json::parse(out.str())["snapshot"]["name"], "leads/1");
  Output cloud_events(Format::kCloudEvents, out);
  EXPECT_TRUE(absl::IsInvalidArgument(EventLines(cloud_events).Print(lead)));
}

TEST(EventLinesTest, SaysThatTheOutputIsBroken) {
  std::ostringstream out;
  Output output(Format::kTable, out);
  EventLines lines(output);
  EXPECT_TRUE(lines.Flush().ok());
  out.setstate(std::ios::badbit);
  EXPECT_TRUE(absl::IsDataLoss(lines.Flush()));
}

}  // namespace
}  // namespace embudo::cli
