// How large an event may be, and an answer with events.

#include "common/event/limits.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::CreateMessageRequest;
using pipeline::v1::ListEventsRequest;
using pipeline::v1::ListEventsResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Event;
using type::v1::Lead;
using type::v1::Message;

class EventLimitTest : public PipelineTest {
 protected:
  absl::StatusOr<Message> Note(const std::string& lead, size_t body, size_t html = 0) const {
    CreateMessageRequest request;
    request.set_parent(lead);
    request.mutable_message()->set_type(html == 0 ? Message::TYPE_INTERNAL_NOTE : Message::TYPE_EMAIL_IN);
    request.mutable_message()->set_subject("Large");
    request.mutable_message()->set_body(std::string(body, 'b'));
    request.mutable_message()->set_html_body(std::string(html, 'h'));
    if (html > 0) request.mutable_message()->set_from_address("ana@example.com");
    // Mails from customers come by a service.
    return (html > 0 ? service_ : admin_).Call<Message>(request);
  }
};

TEST_F(EventLimitTest, AWriteWhoseEventIsTooLargeIsRefusedAndNamesItsFields) {
  const std::string lead = CreateLead().name();
  const size_t before = Events().size();
  const absl::Status status = Note(lead, 100000, 200000).status();
  EXPECT_THAT(status, IsError(StatusCode::kInvalidArgument, "EVENT_TOO_LARGE"));
  EXPECT_THAT(BadFields(status), ElementsAre("message.body", "message.html_body"));
  EXPECT_EQ(Events().size(), before);
  pipeline::v1::ListMessagesRequest list;
  list.set_parent(lead);
  EXPECT_THAT(admin_.Must<pipeline::v1::ListMessagesResponse>(list).messages(), IsEmpty());
  // Beside it, what fits is written, also in one group with what does not.
  EXPECT_TRUE(Note(lead, 100000, 100000).ok());
  for (const Event& event : Events()) EXPECT_LE(event.ByteSizeLong(), event::kLargestEvent);
}

TEST_F(EventLimitTest, AChangeCountsTwiceWhatItChanges) {
  pipeline::v1::UpdateLeadRequest update;
  Lead& lead = *update.mutable_lead();
  lead.set_name(CreateLead().name());
  const auto fill = [&](char c) {
    for (int i = 0; i < 8; ++i) {
      (*lead.mutable_custom_fields())["field_" + std::to_string(i)].set_string_value(std::string(19000, c));
    }
    return admin_.Call<Lead>(update).status();
  };
  for (int i = 0; i < 8; ++i) DefineField("field_" + std::to_string(i), type::v1::CustomField::TYPE_TEXT);
  if (const absl::Status first = fill('a'); !first.ok()) GTEST_SKIP() << first;
  const absl::Status status = fill('b');
  EXPECT_THAT(status, IsError(StatusCode::kInvalidArgument, "EVENT_TOO_LARGE"));
  EXPECT_THAT(BadFields(status), ElementsAre("lead.custom_fields"));
}

TEST_F(EventLimitTest, AnswersStayBelowAMebibyte) {
  const std::string lead = CreateLead().name();
  constexpr int kMessages = 12;
  for (int i = 0; i < kMessages; ++i) ASSERT_TRUE(Note(lead, 190000).ok());
  WaitUntilPositioned();
  const std::string filter = R"(type = "message.created")";

  ListEventsRequest list;
  list.set_page_size(1000);
  list.set_filter(filter);
  int listed = 0;
  do {
    const auto page = admin_.Must<ListEventsResponse>(list);
    EXPECT_LE(page.ByteSizeLong(), event::kLargestResponse);
    listed += page.events_size();
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(listed, kMessages);

  pipeline::v1::TailRequest from = Tailer::Earliest();
  from.mutable_start()->set_filter(filter);
  Tailer tail(admin_, from);
  ASSERT_TRUE(tail.WaitForEvents(kMessages));
  for (const auto& response : tail.responses()) EXPECT_LE(response.ByteSizeLong(), event::kLargestResponse);

  pipeline::v1::CreateSubscriptionRequest create;
  create.mutable_subscription()->set_display_name("Large");
  create.mutable_subscription()->set_filter(filter);
  create.mutable_subscription()->set_unordered(true);
  create.mutable_subscription()->set_start(type::v1::Subscription::START_EARLIEST);
  const std::string name = admin_.Must<type::v1::Subscription>(create).name();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveries(kMessages));
  for (const auto& response : worker.responses()) EXPECT_LE(response.ByteSizeLong(), event::kLargestResponse);
  for (const auto& delivery : worker.deliveries()) {
    worker.Nack(delivery.event().id(), pipeline::v1::Nack::ACTION_PARK, 0, "too large");
  }
  pipeline::v1::ListParkedEventsRequest parked;
  parked.set_name(name);
  parked.set_page_size(1000);
  std::set<std::string> ids;
  EXPECT_TRUE(Eventually([&] {
    ids.clear();
    parked.clear_page_token();
    do {
      const auto page = admin_.Must<pipeline::v1::ListParkedEventsResponse>(parked);
      EXPECT_LE(page.ByteSizeLong(), event::kLargestResponse);
      for (const auto& event : page.parked_events()) ids.insert(event.event().id());
      parked.set_page_token(page.next_page_token());
    } while (!parked.page_token().empty());
    return ids.size() == kMessages;
  }));
}

}  // namespace
}  // namespace embudo::testing
