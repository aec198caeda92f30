#include "services/capture/logic/conversation.h"

#include <gtest/gtest.h>

namespace embudo::capture::logic {
namespace {

using type::v1::CallLog;
using type::v1::Message;
using v1::CaptureLeadRequest;
using v1::Duplicate;

TEST(ConversationTest, AChatIsAnEntryAndACallIsOne) {
  CaptureLeadRequest request;
  auto* line = request.mutable_payload()->mutable_chat()->add_lines();
  line->set_author("Ana");
  line->set_text("Hello");
  line->mutable_time()->set_seconds(0);
  const auto chat = EntryOf(request, true);
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->type(), Message::TYPE_CHAT);
  EXPECT_EQ(chat->body(), "1970-01-01T00:00:00.000000Z Ana: Hello\n");

  CaptureLeadRequest called;
  called.mutable_lead()->set_description("Wants a quote");
  auto* call = called.mutable_payload()->mutable_phone_call();
  call->set_direction(v1::PhoneCall::DIRECTION_INBOUND);
  call->set_number("+12025550123");
  call->mutable_duration()->set_seconds(90);
  call->set_recording_uri("https://pbx.example/1");
  const auto logged = EntryOf(called, true);
  ASSERT_TRUE(logged);
  EXPECT_EQ(logged->type(), Message::TYPE_CALL);
  EXPECT_EQ(logged->body(), "Wants a quote");
  EXPECT_EQ(logged->call().direction(), CallLog::DIRECTION_INBOUND);
  EXPECT_EQ(logged->call().duration().seconds(), 90);
  EXPECT_EQ(logged->call().phone(), "+12025550123");
  EXPECT_EQ(logged->call().recording_uri(), "https://pbx.example/1");
  call->set_recording_uri("https://pbx.example/" + std::string(3000, 'x'));
  EXPECT_TRUE(EntryOf(called, true)->body().ends_with("xxx"));
  EXPECT_EQ(EntryOf(called, true)->call().recording_uri(), "");
}

TEST(ConversationTest, WhatIsAttachedLeavesANoteOfWhatWasSent) {
  CaptureLeadRequest request;
  request.mutable_lead()->set_email("ana@acme.example");
  request.mutable_lead()->set_headcount(50);
  request.mutable_payload()->mutable_web_form()->set_form("forms/contact");
  (*request.mutable_payload()->mutable_web_form()->mutable_fields())["message"] = "@bob call me";
  EXPECT_FALSE(EntryOf(request, true));
  const auto note = EntryOf(request, false);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->type(), Message::TYPE_INTERNAL_NOTE);
  EXPECT_EQ(note->subject(), "Came once more by a web form");
  EXPECT_EQ(note->body(), "email: ana@acme.example\nheadcount: 50\nform: forms/contact\nmessage: @bob call me\n");
}

TEST(ConversationTest, ATouchIsTheVisitOrWhatTheLeadNames) {
  CaptureLeadRequest request;
  request.mutable_lead()->set_source("fair");
  request.mutable_payload()->mutable_phone_call();
  google::protobuf::Timestamp came;
  came.set_seconds(5);
  EXPECT_EQ(TouchOf(request, "submissions/1", came).source(), "fair");
  request.mutable_touch()->set_campaign("may");
  const auto touch = TouchOf(request, "submissions/1", came);
  EXPECT_EQ(touch.source() + "/" + touch.campaign(), "/may");
  EXPECT_EQ(touch.channel(), type::v1::Lead::CHANNEL_PHONE_CALL);
  EXPECT_EQ(touch.submission(), "submissions/1");
  EXPECT_EQ(touch.touch_time().seconds(), 5);
}

TEST(ConversationTest, AFlagNamesTheOthers) {
  Duplicate duplicate;
  duplicate.set_lead("leads/1");
  duplicate.add_reasons(Duplicate::REASON_PHONE);
  duplicate.add_reasons(Duplicate::REASON_COMPANY_DOMAIN);
  EXPECT_EQ(FlagNote({duplicate}).body(), "leads/1: the same phone number, the same company domain\n");
}

}  // namespace
}  // namespace embudo::capture::logic
