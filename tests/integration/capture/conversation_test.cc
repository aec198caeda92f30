// What a capture leaves on its lead: the touch, and the entry of the conversation.

#include "tests/integration/capture/intake_case.h"

namespace embudo::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Message;
using type::v1::Touch;

class ConversationTest : public IntakeCase {};

TEST_F(ConversationTest, TheFirstTouchMakesTheSourceAndLaterOnesAreKept) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  request.mutable_touch()->set_source("Google");
  request.mutable_touch()->set_medium("CPC");
  (*request.mutable_touch()->mutable_click_ids())["gclid"] = "x";
  (*request.mutable_payload()->mutable_web_form()->mutable_fields())["message"] = "First";
  const CaptureLeadResponse first = CaptureLead(request);
  request.mutable_touch()->set_source("Newsletter");
  request.mutable_touch()->set_campaign("May");
  (*request.mutable_payload()->mutable_web_form()->mutable_fields())["message"] = "Second, @admin";
  const CaptureLeadResponse second = CaptureLead(request);
  EXPECT_EQ(second.outcome(), Submission::OUTCOME_ATTACHED);

  const Lead lead = GetLead(first.lead());
  EXPECT_EQ(lead.source() + "/" + lead.medium() + "/" + lead.campaign(), "google/cpc/");
  const std::vector<Touch> touches = TouchesOf(lead.name());
  ASSERT_THAT(touches, SizeIs(2));
  EXPECT_EQ(touches[0].source(), "google");
  EXPECT_EQ(touches[0].click_ids().at("gclid"), "x");
  EXPECT_EQ(touches[0].channel(), Lead::CHANNEL_WEB_FORM);
  EXPECT_EQ(touches[0].submission(), first.submission());
  EXPECT_EQ(touches[1].source() + "/" + touches[1].campaign(), "newsletter/may");
  EXPECT_EQ(touches[1].submission(), second.submission());
  // What made the lead is the lead; what came after is a note of its own, which mentions nobody.
  const std::vector<Message> messages = MessagesOf(lead.name());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].type(), Message::TYPE_INTERNAL_NOTE);
  EXPECT_THAT(messages[0].body(), ::testing::HasSubstr("message: Second, @admin"));
  EXPECT_THAT(messages[0].mentions(), IsEmpty());
}

TEST_F(ConversationTest, AChatIsTranscribed) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  auto* line = request.mutable_payload()->mutable_chat()->add_lines();
  line->set_author("Ada");
  line->set_text("Do you ship?");
  const CaptureLeadResponse first = CaptureLead(request);
  const std::vector<Message> messages = MessagesOf(first.lead());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].type(), Message::TYPE_CHAT);
  EXPECT_EQ(messages[0].body(), "Ada: Do you ship?\n");
  EXPECT_FALSE(messages[0].internal());
  CaptureLead(request);
  EXPECT_THAT(MessagesOf(first.lead()), SizeIs(2));
}

TEST_F(ConversationTest, ACallIsLoggedWithTheLeadOfItsNumber) {
  CaptureLeadRequest request;
  auto* call = request.mutable_payload()->mutable_phone_call();
  call->set_number("(415) 555-2671");
  call->set_direction(capture::v1::PhoneCall::DIRECTION_INBOUND);
  call->mutable_duration()->set_seconds(125);
  call->set_recording_uri("https://pbx.example/7");
  const CaptureLeadResponse first = CaptureLead(request);
  EXPECT_EQ(first.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(GetLead(first.lead()).phone(), "+14155552671");
  call->set_number("+1 415 555 2671");
  EXPECT_EQ(CaptureLead(request).lead(), first.lead());
  const std::vector<Message> messages = MessagesOf(first.lead());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].type(), Message::TYPE_CALL);
  EXPECT_EQ(messages[0].call().phone(), "+14155552671");
  EXPECT_EQ(messages[0].call().duration().seconds(), 125);
  EXPECT_EQ(messages[0].call().recording_uri(), "https://pbx.example/7");

  call->mutable_duration()->set_seconds(-1);
  EXPECT_EQ(ReasonOf(Capture<CaptureLeadResponse>("CaptureService/CaptureLead", request).status()), "INVALID_FIELD");
}

TEST_F(ConversationTest, ARepeatedRequestAddsNothing) {
  CaptureLeadRequest request = ByEmail("ada@example.com");
  request.mutable_payload()->mutable_phone_call()->set_number("+14155552671");
  request.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const std::string lead = CaptureLead(request).lead();
  EXPECT_EQ(CaptureLead(request).lead(), lead);
  EXPECT_THAT(MessagesOf(lead), SizeIs(1));
  EXPECT_THAT(TouchesOf(lead), SizeIs(1));
}

TEST_F(ConversationTest, ARejectedOneLeavesNothing) {
  CaptureLeadRequest request;
  request.mutable_touch()->set_source("google");
  EXPECT_EQ(CaptureLead(request).outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_THAT(ListLeads(), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
