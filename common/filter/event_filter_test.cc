#include "common/filter/event_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/filter/literal.h"

namespace embudo::filter {
namespace {

using type::v1::Event;
using type::v1::Lead;

const Time kNow = *ParseTime("2026-11-23T18:00:00Z");

const Schema& Leads() {
  static const Schema schema = Schema::InMemory(Lead::descriptor());
  return schema;
}

/// A lead that moved from Proposal to Won and got another amount.
Event Move() {
  Event event;
  event.set_type("lead.stage_changed");
  event.set_subject("leads/1");
  event.set_actor("users/7");
  event.set_origin(type::v1::ORIGIN_API);
  *event.mutable_time() = ToTimestamp(kNow);
  Lead& after = *event.mutable_data()->mutable_lead();
  after.set_stage("pipelines/b2b/stages/won");
  after.set_owner("users/7");
  after.mutable_expected_revenue()->set_units(2000);
  (*after.mutable_custom_fields())["region"].set_string_value("EMEA");
  (*after.mutable_custom_fields())["tier"].set_string_value("gold");
  Lead& before = *event.mutable_previous()->mutable_lead();
  before.set_stage("pipelines/b2b/stages/proposal");
  (*before.mutable_custom_fields())["region"].set_string_value("APAC");
  for (const char* path : {"stage", "expected_revenue", "custom_fields.region"}) {
    event.mutable_changed_fields()->add_paths(path);
  }
  return event;
}

bool Matches(std::string_view text, const Event& event) {
  const auto filter = EventFilter::Compile(text, Leads());
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() && filter->Matches(event, kNow);
}

void Expect(const Event& event, const std::vector<std::string_view>& filters, bool want) {
  for (const std::string_view text : filters) EXPECT_EQ(Matches(text, event), want) << text;
}

TEST(EventFilter, ReadsAttributesAndTheRecord) {
  Expect(Move(),
         {"", "type = 'lead.stage_changed'", "type = lead.stage_changed", "type = 'lead.*'", "type != lead.won",
          "subject = 'leads/1'", "actor:users", "origin = API", "time >= now", "lead.expected_revenue > 1999.99",
          "lead.stage = pipelines/b2b/stages/won", "lead.custom_fields.region = EMEA", "NOT contact.email:*",
          "contact.email != 'x@y.de'", "cause.depth != 3"},
         true);
  Expect(Move(),
         {"type = lead.won", "type = 'contact.*'", "origin = IMPORT", "lead.stage = pipelines/b2b/stages/proposal",
          "contact.email:*", "contact.headcount = 0", "cause.depth = 0", "is_set(cause.depth)"},
         false);
}

TEST(EventFilter, ReadsWhatChanged) {
  Expect(Move(),
         {"changed:stage", "changed:*", "changed:custom_fields", "changed:custom_fields.region", "NOT changed:owner",
          "changed:(owner OR stage)"},
         true);
  Expect(Move(), {"changed:owner", "changed:custom_fields.tier", "changed:budget"}, false);
  // A mask may name the whole map.
  Event coarse = Move();
  coarse.mutable_changed_fields()->clear_paths();
  coarse.mutable_changed_fields()->add_paths("custom_fields");
  Expect(coarse, {"changed:custom_fields.tier"}, true);
  // A field's name is not the beginning of another's.
  coarse.mutable_changed_fields()->add_paths("stage_enter_time");
  Expect(coarse, {"changed:stage"}, false);
}

TEST(EventFilter, ReadsTheRecordBefore) {
  Expect(Move(),
         {"previous.stage = pipelines/b2b/stages/proposal", "previous.stage:*", "previous.owner = users/7",
          "NOT previous.expected_revenue:*", "previous.expected_revenue != 2000",
          "previous.custom_fields.region = APAC", "previous.custom_fields.tier = gold"},
         true);
  Expect(Move(),
         {"previous.stage = pipelines/b2b/stages/won", "previous.owner = users/8", "previous.expected_revenue = 2000",
          "previous.custom_fields.region = EMEA"},
         false);
}

TEST(EventFilter, BeforeCreationEverythingIsUnset) {
  Event event = Move();
  event.set_type("lead.created");
  event.clear_previous();
  event.clear_changed_fields();
  Expect(event, {"lead.owner = users/7", "previous.owner != users/7", "NOT previous.stage:*", "NOT changed:*"}, true);
  Expect(event,
         {"previous.owner = users/7", "previous.stage:*", "changed:*", "changed:stage", "previous.archived = false"},
         false);
}

TEST(EventFilter, ReadsOtherRecords) {
  Event event;
  event.set_type("activity.done");
  event.mutable_data()->mutable_activity()->set_type(type::v1::Activity::TYPE_CALL);
  event.mutable_changed_fields()->add_paths("state");
  Expect(event, {"activity.type = CALL", "lead.stage != pipelines/p/stages/s", "changed:state"}, true);
  Expect(event, {"activity.type = EMAIL", "lead.archived = false", "previous.archived = false"}, false);
}

TEST(EventFilter, ResolvesNames) {
  const Resolver resolver = [](const std::string& type, const std::string& field, const std::string& value) {
    EXPECT_EQ(type + " " + field + " " + value, "embudo.dev/Stage display_name Proposal");
    return std::vector<std::string>{"pipelines/b2b/stages/proposal"};
  };
  const auto left =
      EventFilter::Compile("previous.stage.display_name = 'Proposal' AND changed:stage", Leads(), resolver);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_TRUE(left->Matches(Move(), kNow));
  const auto entered = EventFilter::Compile("lead.stage.display_name = 'Proposal'", Leads(), resolver);
  ASSERT_TRUE(entered.ok());
  EXPECT_FALSE(entered->Matches(Move(), kNow));
  EXPECT_EQ(left->fields(), (std::set<std::string>{"changed", "previous.stage"}));
}

TEST(EventFilter, TellsWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"type = lead.wom", "filter, character 8: unknown value \"lead.wom\" of type; did you mean \"lead.won\"?"},
      {"type = lost_reason.create",
       "filter, character 8: unknown value \"lost_reason.create\" of type; did you mean \"lost_reason.created\"?"},
      {"stage:*", "filter, character 1: unknown field \"stage\""},
      {"lead.stge:*", "filter, character 1: unknown field \"lead.stge\"; did you mean \"lead.stage\"?"},
      {"previous.ownr:*", "filter, character 1: unknown field \"previous.ownr\"; did you mean \"previous.owner\"?"},
      {"changed:stge", "filter, character 9: unknown field \"stge\"; did you mean \"stage\"?"},
      {"changed = stage", "filter, character 1: expected changed:<field>"},
      {"changed", "filter, character 1: expected changed:<field>"},
      {"changed:''", "filter, character 9: unknown field \"\""},
      {"tenant = 'x'", "filter, character 1: unknown field \"tenant\""},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(MessageOf(EventFilter::Compile(text, Leads()).status()), want) << text;
  }
}

TEST(EventFilter, EmptyMatchesEverything) {
  EXPECT_TRUE(EventFilter().empty());
  EXPECT_TRUE(EventFilter().Matches(Event(), kNow));
  const auto filter = EventFilter::Compile("type = lead.won", Leads());
  ASSERT_TRUE(filter.ok());
  EXPECT_FALSE(filter->empty());
  EXPECT_EQ(filter->text(), "type = lead.won");
}

TEST(ChangeFilter, ReadsARecordBeforeAndAfter) {
  const Event event = Move();
  const Lead& after = event.data().lead();
  const Lead& before = event.previous().lead();
  const auto matches = [&](std::string_view text, const Lead* previous) {
    const auto filter = ChangeFilter::Compile(text, Leads());
    EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
    return filter->Matches(after, previous, event.changed_fields(), kNow);
  };
  EXPECT_TRUE(matches("", &before));
  EXPECT_TRUE(
      matches("expected_revenue > 1000 AND previous.stage = pipelines/b2b/stages/proposal AND changed:stage", &before));
  EXPECT_TRUE(matches("previous.owner = users/7", &before));
  EXPECT_FALSE(matches("stage = pipelines/b2b/stages/proposal", &before));
  EXPECT_FALSE(matches("changed:owner", &before));
  EXPECT_FALSE(matches("previous.owner = users/7", nullptr));
  EXPECT_TRUE(ChangeFilter().Matches(after, nullptr, {}, kNow));
}

TEST(ChangeFilter, TellsWhatIsWrong) {
  const auto error = ChangeFilter::Compile("lead.stage:*", Leads()).status();
  EXPECT_EQ(MessageOf(error), "condition, character 1: unknown field \"lead.stage\"");
  EXPECT_EQ(MessageOf(ChangeFilter::Compile("changed:staeg", Leads()).status()),
            "condition, character 9: unknown field \"staeg\"; did you mean \"stage\"?");
}

}  // namespace
}  // namespace embudo::filter
