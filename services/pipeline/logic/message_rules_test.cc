#include "services/pipeline/logic/message_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Message;

class MessageRulesTest : public ::testing::Test {
 protected:
  MessageRulesTest() {
    catalog_.tenant.set_region_code("DE");
    catalog_.users["users/ana"];
    catalog_.users["users/bob"];
    catalog_.users["users/gone"].set_disabled(true);
  }

  Scene As(const std::string& actor) const { return {catalog_, Time(), actor}; }
  static Message Of(Message::Type type, const std::string& body) {
    Message message;
    message.set_name("leads/l/messages/m");
    message.set_type(type);
    message.set_body(body);
    return message;
  }
  /// The field that PrepareNew finds fault with.
  std::string Fault(Message message) const {
    const absl::Status status = PrepareNew(As("users/ana"), message);
    const google::rpc::Status details = ToRpcStatus(status);
    for (const auto& detail : details.details()) {
      google::rpc::BadRequest bad;
      if (detail.UnpackTo(&bad)) return bad.field_violations(0).field();
    }
    return status.ok() ? "" : status.ToString();
  }

  Catalog catalog_;
};

TEST_F(MessageRulesTest, TheTypeSaysWhetherItIsInternal) {
  for (const auto& [type, internal] :
       {std::pair(Message::TYPE_INTERNAL_NOTE, true), std::pair(Message::TYPE_CALL, true),
        std::pair(Message::TYPE_SYSTEM, true), std::pair(Message::TYPE_CHAT, false),
        std::pair(Message::TYPE_EMAIL_IN, false), std::pair(Message::TYPE_EMAIL_OUT, false)}) {
    Message message = Of(type, "x");
    ASSERT_TRUE(PrepareNew(As("users/ana"), message).ok());
    EXPECT_EQ(message.internal(), internal) << Message::Type_Name(type);
  }
}

TEST_F(MessageRulesTest, MentionsAreOfUsersWhoCanRead) {
  Message note = Of(Message::TYPE_INTERNAL_NOTE, "@bob @gone @nobody x@ana @ana");
  ASSERT_TRUE(PrepareNew(As("users/ana"), note).ok());
  EXPECT_THAT(note.mentions(), ElementsAre("users/bob", "users/ana"));
  EXPECT_EQ(note.author(), "users/ana");
  EXPECT_EQ(note.body(), "@bob @gone @nobody x@ana @ana");

  Message chat = Of(Message::TYPE_CHAT, "@bob");
  ASSERT_TRUE(PrepareNew(As("services/capture"), chat).ok());
  EXPECT_THAT(chat.mentions(), IsEmpty());
  EXPECT_EQ(chat.author(), "");
}

TEST_F(MessageRulesTest, MentionsStandAsLongAsTheTextDoes) {
  Message before = Of(Message::TYPE_INTERNAL_NOTE, "@bob");
  ASSERT_TRUE(PrepareNew(As("users/ana"), before).ok());
  catalog_.users["users/bob"].set_disabled(true);
  Message after = before;
  after.set_subject("Other");
  ASSERT_TRUE(PrepareChanged(As("users/ana"), before, after).ok());
  EXPECT_THAT(after.mentions(), ElementsAre("users/bob"));
  after.set_body("@bob @ana");
  ASSERT_TRUE(PrepareChanged(As("users/ana"), before, after).ok());
  EXPECT_THAT(after.mentions(), ElementsAre("users/ana"));
}

TEST_F(MessageRulesTest, SomethingMustBeSaid) {
  EXPECT_EQ(Fault(Of(Message::TYPE_INTERNAL_NOTE, "")), "message.body");
  EXPECT_EQ(Fault(Of(Message::TYPE_CHAT, " \n\t")), "message.body");
  Message call = Of(Message::TYPE_CALL, "");
  call.mutable_call();
  EXPECT_EQ(Fault(call), "message.body");
  call.mutable_call()->set_direction(type::v1::CallLog::DIRECTION_INBOUND);
  EXPECT_EQ(Fault(call), "");
  Message titled = Of(Message::TYPE_INTERNAL_NOTE, "");
  titled.set_subject("Called back");
  EXPECT_EQ(Fault(titled), "");
  EXPECT_EQ(Fault(Of(Message::TYPE_EMAIL_IN, "")), "");
}

TEST_F(MessageRulesTest, EachTypeHasItsOwnFields) {
  Message note = Of(Message::TYPE_INTERNAL_NOTE, "x");
  note.set_html_body("<p>x");
  EXPECT_EQ(Fault(note), "message.html_body");
  note = Of(Message::TYPE_CHAT, "x");
  note.add_to_addresses("a@b.example");
  EXPECT_EQ(Fault(note), "message.to_addresses");
  note = Of(Message::TYPE_CALL, "x");
  note.set_internet_message_id("1@b.example");
  EXPECT_EQ(Fault(note), "message.internet_message_id");
  note = Of(Message::TYPE_INTERNAL_NOTE, "x");
  note.mutable_call();
  EXPECT_EQ(Fault(note), "message.call");
  note = Of(Message::TYPE_EMAIL_IN, "x");
  note.set_template_("mailTemplates/x");
  EXPECT_EQ(Fault(note), "message.template");
  note = Of(Message::TYPE_CALL, "x");
  note.mutable_call()->mutable_duration()->set_seconds(-1);
  EXPECT_EQ(Fault(note), "message.call.duration");
}

TEST_F(MessageRulesTest, NumbersAndIdsAreBroughtIntoTheirForm) {
  Message call = Of(Message::TYPE_CALL, "");
  call.mutable_call()->set_phone("030 901820");
  ASSERT_TRUE(PrepareNew(As("users/ana"), call).ok());
  EXPECT_EQ(call.call().phone(), "+4930901820");
  Message mail = Of(Message::TYPE_EMAIL_IN, "x");
  mail.set_internet_message_id(" <a.b@c.example>\r\n");
  mail.set_in_reply_to("<>");
  ASSERT_TRUE(PrepareNew(As("services/capture"), mail).ok());
  EXPECT_EQ(mail.internet_message_id(), "a.b@c.example");
  EXPECT_EQ(mail.in_reply_to(), "");
}

TEST_F(MessageRulesTest, WhoMayCreateWhat) {
  const auto may = [](Message::Type type, bool service) { return CheckMayCreate(Of(type, "x"), service).code(); };
  for (const bool service : {false, true}) {
    EXPECT_EQ(may(Message::TYPE_INTERNAL_NOTE, service), StatusCode::kOk);
    EXPECT_EQ(may(Message::TYPE_CALL, service), StatusCode::kOk);
    EXPECT_EQ(may(Message::TYPE_CHAT, service), StatusCode::kOk);
    EXPECT_EQ(may(Message::TYPE_EMAIL_OUT, service), StatusCode::kInvalidArgument);
    EXPECT_EQ(may(Message::TYPE_SYSTEM, service), StatusCode::kInvalidArgument);
    EXPECT_EQ(may(Message::TYPE_UNSPECIFIED, service), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(may(Message::TYPE_EMAIL_IN, true), StatusCode::kOk);
  EXPECT_EQ(may(Message::TYPE_EMAIL_IN, false), StatusCode::kPermissionDenied);
}

TEST_F(MessageRulesTest, WhatWasSaidToCustomersStands) {
  for (const auto& [type, editable, deletable] :
       {std::tuple(Message::TYPE_INTERNAL_NOTE, true, true), std::tuple(Message::TYPE_CALL, true, true),
        std::tuple(Message::TYPE_CHAT, false, true), std::tuple(Message::TYPE_EMAIL_IN, false, false),
        std::tuple(Message::TYPE_EMAIL_OUT, false, false), std::tuple(Message::TYPE_SYSTEM, false, false)}) {
    EXPECT_EQ(CheckEditable(Of(type, "x")).ok(), editable) << Message::Type_Name(type);
    EXPECT_EQ(CheckDeletable(Of(type, "x")).ok(), deletable) << Message::Type_Name(type);
  }
}

TEST_F(MessageRulesTest, ADeliveryNeverGoesBack) {
  using State = Message::DeliveryState;
  const State queued = Message::DELIVERY_STATE_QUEUED, sent = Message::DELIVERY_STATE_SENT,
              failed = Message::DELIVERY_STATE_FAILED, bounced = Message::DELIVERY_STATE_BOUNCED;
  const std::set<std::pair<State, State>> ways = {{queued, sent}, {queued, failed}, {queued, bounced}, {sent, bounced}};
  for (const State from : {queued, sent, failed, bounced}) {
    for (const State to : {queued, sent, failed, bounced}) {
      Message mail = Of(Message::TYPE_EMAIL_OUT, "x");
      mail.set_delivery_state(from);
      const absl::Status status = RecordDelivery(to, "why", mail);
      EXPECT_EQ(status.ok(), from == to || ways.contains({from, to})) << from << " to " << to << ": " << status;
      EXPECT_EQ(mail.delivery_state(), status.ok() ? to : from);
      EXPECT_EQ(mail.delivery_error(), status.ok() && from != to && to != sent ? "why" : "");
    }
  }
  Message note = Of(Message::TYPE_INTERNAL_NOTE, "x");
  EXPECT_EQ(RecordDelivery(sent, "", note).code(), StatusCode::kFailedPrecondition);
}

TEST_F(MessageRulesTest, ALineIsOneAndShort) {
  EXPECT_EQ(LineOf(Of(Message::TYPE_INTERNAL_NOTE, " a\n\n b ")), "a b");
  Message mail = Of(Message::TYPE_EMAIL_IN, "Dear");
  mail.set_subject("Re: Offer");
  EXPECT_EQ(LineOf(mail), "Re: Offer");
  std::string text;
  for (int i = 0; i < 100; ++i) text += "€";  // 300 bytes
  std::string cut;
  for (int i = 0; i < 66; ++i) cut += "€";
  EXPECT_EQ(LineOf(Of(Message::TYPE_INTERNAL_NOTE, text)), cut + "…");
}

}  // namespace
}  // namespace embudo::pipeline::logic
