// Events by pages, and what types of them there are.

#include <map>
#include <nlohmann/json.hpp>

#include "common/event/event.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ListEventsRequest;
using pipeline::v1::ListEventsResponse;
using pipeline::v1::TailResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using type::v1::Event;
using type::v1::Lead;

class EventListTest : public PipelineTest {
 protected:
  Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<Lead>(request);
  }
  /// All pages; the last page's cursor.
  static std::vector<Event> All(const Caller& caller, ListEventsRequest request, std::string* cursor = nullptr) {
    std::vector<Event> events;
    for (int pages = 0; pages < 1000; ++pages) {
      const auto page = caller.Must<ListEventsResponse>(request);
      EXPECT_LE(page.events_size(), request.page_size() == 0 ? 50 : request.page_size());
      events.insert(events.end(), page.events().begin(), page.events().end());
      if (cursor != nullptr) *cursor = page.cursor();
      if (page.next_page_token().empty()) return events;
      request.set_page_token(page.next_page_token());
    }
    ADD_FAILURE() << "pages without an end";
    return events;
  }
  absl::Status Try(const ListEventsRequest& request) const { return admin_.Call<ListEventsResponse>(request).status(); }
};

TEST_F(EventListTest, PagesHoldEveryEventOnceInOrderPerLead) {
  std::vector<std::string> leads;
  for (int i = 0; i < 6; ++i) leads.push_back(CreateLead("Deal " + std::to_string(i)).name());
  for (const char* pain : {"one", "two"}) {
    for (const std::string& lead : leads) SetPain(lead, pain);
  }
  WaitUntilPositioned();
  ListEventsRequest request;
  request.set_page_size(4);
  std::string cursor;
  const std::vector<Event> events = All(admin_, request, &cursor);
  std::map<std::string, std::vector<std::string>> told;
  std::map<std::string, std::vector<std::string>> written;
  for (const Event& event : events) told[event.partition_key()].push_back(event.id());
  for (const Event& event : Events()) written[event.partition_key()].push_back(event.id());
  EXPECT_EQ(told, written);
  // Tail goes on where the list ends.
  const std::string later = CreateLead("Later").name();
  Tailer tail(admin_, Tailer::Cursor(cursor));
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_EQ(tail.events()[0].subject(), later);
  EXPECT_THAT(tail.events(), SizeIs(1));
  // And the list where Tail is.
  request.set_cursor(tail.cursor());
  EXPECT_THAT(All(admin_, request), IsEmpty());
  SetPain(later, "three");
  WaitUntilPositioned();
  EXPECT_THAT(TypesOf(All(admin_, request)), ElementsAre("lead.updated"));
}

TEST_F(EventListTest, SelectsByFilterAndTime) {
  const std::string early = CreateLead("Early").name();
  suite().Advance(std::chrono::seconds(100));
  const Time time = suite().clock().Now();
  const std::string late = CreateLead("Late").name();
  SetPain(early, "one");
  WaitUntilPositioned();
  ListEventsRequest request;
  *request.mutable_time() = ToTimestamp(time);
  request.set_page_size(1);
  std::vector<std::string> subjects;
  for (const Event& event : All(admin_, request)) subjects.push_back(event.subject());
  EXPECT_THAT(subjects, UnorderedElementsAre(early, late));
  *request.mutable_time() = ToTimestamp(time + std::chrono::seconds(1));
  EXPECT_THAT(All(admin_, request), IsEmpty());
  request.clear_from();
  request.set_filter("type = \"lead.created\" AND lead.display_name = \"Early\"");
  const auto events = All(admin_, request);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].subject(), early);
}

TEST_F(EventListTest, RefusesWhatIsNoPlace) {
  CreateLead();
  CreateLead();
  WaitUntilPositioned();
  ListEventsRequest request;
  request.set_page_size(1);
  const auto page = admin_.Must<ListEventsResponse>(request);
  ASSERT_NE(page.next_page_token(), "");
  request.set_page_token(page.next_page_token());
  EXPECT_TRUE(Try(request).ok());
  request.set_filter("type = \"lead.created\"");
  EXPECT_EQ(Try(request).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("page_token"));
  request.clear_filter();
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_EQ(other.Call<ListEventsResponse>(request).status().code(), StatusCode::kInvalidArgument);
  request.clear_page_token();
  request.set_cursor(page.cursor());
  EXPECT_THAT(other.Call<ListEventsResponse>(request).status(),
              IsError(StatusCode::kInvalidArgument, "INVALID_CURSOR"));
  request.set_cursor("forged");
  EXPECT_THAT(Try(request), IsError(StatusCode::kInvalidArgument, "INVALID_CURSOR"));
  request.clear_from();
  request.set_filter("type = ");
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("filter"));
  // The rest of a snapshot is none of events.
  auto snapshot = Tailer::From(pipeline::v1::TailStart::POSITION_SNAPSHOT);
  snapshot.mutable_credit()->set_events(1);
  Tailer tail(admin_, snapshot);
  ASSERT_TRUE(Eventually([&] { return tail.responses().size() >= 2; }));
  request.Clear();
  request.set_cursor(tail.cursor());
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("cursor"));
}

TEST_F(EventListTest, ARepIsShownWhatItSees) {
  CreateUser("own", type::v1::User::VISIBILITY_OWN);
  CreateLead("Another's");
  pipeline::v1::AssignLeadRequest assign;
  assign.set_name(CreateLead("Own").name());
  assign.set_owner("users/own");
  admin_.Must<Lead>(assign);
  WaitUntilPositioned();
  ListEventsRequest request;
  request.set_filter("type = \"lead.created\" OR type = \"lead.assigned\"");
  EXPECT_THAT(TypesOf(All(As(type::v1::ROLE_REP, "users/own"), request)), ElementsAre("lead.assigned"));
  EXPECT_THAT(All(admin_, request), SizeIs(3));
}

TEST_F(EventListTest, EveryTypeHasASchemaThatNamesItsRecordsFields) {
  const auto response =
      rep_.Must<pipeline::v1::ListEventTypesResponse>(pipeline::v1::ListEventTypesRequest::default_instance());
  std::vector<std::string> types;
  for (const auto& info : response.event_types()) {
    SCOPED_TRACE(info.type());
    types.push_back(info.type());
    const auto schema = nlohmann::json::parse(info.json_schema(), nullptr, false);
    ASSERT_FALSE(schema.is_discarded());
    ASSERT_EQ(schema.value("$ref", ""), "#/$defs/embudo.type.v1.Event");
    // Of the kinds of record it knows the one that such an event holds.
    const auto& kinds = schema["$defs"]["embudo.type.v1.Resource"]["properties"];
    ASSERT_THAT(kinds, SizeIs(1));
    const std::string reference = kinds.begin().value().value("$ref", "");
    ASSERT_TRUE(reference.starts_with("#/$defs/"));
    const auto& record = schema["$defs"][reference.substr(8)];
    EXPECT_TRUE(record["properties"].contains("name")) << record;
    EXPECT_EQ("embudo.dev/" + reference.substr(reference.rfind('.') + 1), info.resource_type());
    // Nothing that it refers to is missing.
    for (const auto& [name, definition] : schema["$defs"].items()) {
      if (!definition.contains("properties")) continue;
      for (const auto& [field, form] : definition["properties"].items()) {
        const auto& leaf = form.contains("items") ? form["items"] : form;
        if (!leaf.contains("$ref")) continue;
        EXPECT_TRUE(schema["$defs"].contains(leaf["$ref"].get<std::string>().substr(8))) << name << "." << field;
      }
    }
  }
  std::vector<std::string> all;
  const auto* descriptor = type::v1::EventType_descriptor();
  std::map<int, std::string> by_number;
  for (int i = 0; i < descriptor->value_count(); ++i) {
    const int number = descriptor->value(i)->number();
    if (number != 0) by_number[number] = event::TypeText(static_cast<type::v1::EventType>(number));
  }
  for (const auto& [number, text] : by_number) all.push_back(text);
  EXPECT_EQ(types, all);
}

}  // namespace
}  // namespace embudo::testing
