// Mails on their way to a real mail server: what it takes, puts off, refuses, and does not answer at all.

#include "tests/integration/outbound/outbound_case.h"

namespace embudo::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class DeliveryTest : public OutboundCase {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<SmtpServer>();
    StartSuite({{"smtp-url", server_->url()}, {"smtp-tls", "none"}, {"smtp-timeout-ms", "1500"}});
  }
  static void TearDownTestSuite() { StopSuite(); }
};

TEST_F(DeliveryTest, AMailFromATemplateGoesOutOnceAndIsInTheConversation) {
  MakeTemplate("hello", "About {{lead.display_name}}", "Dear {{lead.contact_name}}, grüße. {{sender.display_name}}",
               "<p>Dear {{lead.contact_name}}</p>");
  const Lead lead = MakeLead("ada@once.test");
  const Mail mail = Await(Send(lead.name(), "hello").name(), Mail::STATE_SENT);
  EXPECT_EQ(mail.reply_code(), 250);
  EXPECT_EQ(mail.attempts(), 1);
  EXPECT_EQ(mail.domain(), "once.test");
  const auto taken = server_->MailsTo("ada@once.test");
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(taken[0].Header("Message-Id"), "<" + mail.internet_message_id() + ">");
  EXPECT_EQ(taken[0].Header("Subject"), "About Ten looms");
  EXPECT_THAT(taken[0].Header("From"), HasSubstr("<sales@acme.test>"));
  EXPECT_THAT(taken[0].Header("Reply-To"), AllOf(StartsWith("inbox+"), HasSubstr("@acme.test")));
  EXPECT_EQ(taken[0].from, taken[0].Header("Reply-To"));
  EXPECT_THAT(taken[0].data, HasSubstr("gr=C3=BC=C3=9Fe"));
  EXPECT_THAT(taken[0].data, HasSubstr("<p>Dear Ada Lovelace</p>"));
  const auto messages = Messages(lead.name());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].name(), mail.message());
  EXPECT_EQ(messages[0].delivery_state(), Message::DELIVERY_STATE_SENT);
  EXPECT_EQ(messages[0].author(), "users/ana");
  EXPECT_FALSE(messages[0].internal());
  EXPECT_EQ(messages[0].template_(), "mailTemplates/hello");
}

TEST_F(DeliveryTest, AMailThatAPersonWritesGoesOutTooAndRepliesThread) {
  const Lead lead = MakeLead("ada@thread.test");
  pipeline::v1::SendEmailRequest first;
  first.set_parent(lead.name());
  first.set_subject("Our offer");
  first.set_body("Twelve looms.");
  const Message sent = admin_.Must<Message>(first);
  ASSERT_TRUE(Eventually([&] { return GetMessage(sent.name()).delivery_state() == Message::DELIVERY_STATE_SENT; }));
  // The customer answers, to the address that the mail gave.
  const auto reply =
      Receive("From: ada@thread.test\r\nTo: " + server_->MailsTo("ada@thread.test")[0].Header("Reply-To") +
              "\r\nSubject: Re: Our offer\r\nMessage-ID: <answer@thread.test>\r\n\r\nTen would do.\r\n");
  EXPECT_EQ(reply.lead(), lead.name());
  // And is answered: the thread holds both.
  first.set_in_reply_to(reply.message());
  first.set_subject("Re: Our offer");
  admin_.Must<Message>(first);
  ASSERT_TRUE(Eventually([&] { return server_->MailsTo("ada@thread.test").size() == 2; }));
  const TakenMail second = server_->MailsTo("ada@thread.test")[1];
  EXPECT_EQ(second.Header("In-Reply-To"), "<answer@thread.test>");
  EXPECT_EQ(second.Header("References"), "<answer@thread.test>");
  EXPECT_EQ(second.Header("List-Unsubscribe"), "");
}

TEST_F(DeliveryTest, WhatIsPutOffGoesLaterUnderTheSameMessageId) {
  MakeTemplate("t", "s", "text");
  const Mail first = Await(Send(MakeLead("later2.a@greylist.test").name(), "t").name(), Mail::STATE_QUEUED);
  EXPECT_EQ(first.reply_code(), 451);
  EXPECT_THAT(first.error(), HasSubstr("SMTP_DEFERRED: 451 4.7.1 Greylisted"));
  EXPECT_EQ(FromTimestamp(first.next_attempt_time()) - FromTimestamp(first.update_time()), std::chrono::seconds(30));
  suite_->Advance(std::chrono::seconds(31));
  ASSERT_TRUE(Eventually([&] { return GetMail(first.name()).attempts() == 2; }));
  ASSERT_TRUE(Eventually([&] { return GetMail(first.name()).state() == Mail::STATE_QUEUED; }));
  suite_->Advance(std::chrono::seconds(61));
  const Mail sent = Await(first.name(), Mail::STATE_SENT);
  EXPECT_EQ(sent.attempts(), 3);
  EXPECT_EQ(sent.error(), "");
  EXPECT_EQ(sent.internet_message_id(), first.internet_message_id());
  EXPECT_THAT(server_->MailsTo("later2.a@greylist.test"), SizeIs(1));
}

TEST_F(DeliveryTest, ARefusedMailFailsForGoodAndOneOfSeveralReceiversIsTold) {
  MakeTemplate("t", "s", "text");
  const Lead lead = MakeLead("refused.a@no.test");
  const Mail failed = Await(Send(lead.name(), "t").name(), Mail::STATE_FAILED);
  EXPECT_EQ(failed.reply_code(), 550);
  EXPECT_THAT(failed.error(), HasSubstr("550 5.1.1 No such user here"));
  const Message message = GetMessage(failed.message());
  EXPECT_EQ(message.delivery_state(), Message::DELIVERY_STATE_FAILED);
  EXPECT_THAT(message.delivery_error(), HasSubstr("No such user"));
  automation::v1::RetryMailRequest retry;
  retry.set_name(failed.name());
  EXPECT_THAT(automation_.Call<Mail>(retry), IsError(absl::StatusCode::kFailedPrecondition, "MAIL_NOT_RETRIABLE"));

  auto several = Sending(lead.name(), "t");
  several.add_to_addresses("good@no.test");
  several.add_cc_addresses("refused.b@no.test");
  const Mail partly = Await(automation_.Must<Mail>(several).name(), Mail::STATE_SENT);
  EXPECT_THAT(partly.error(), AllOf(HasSubstr("RECEIVERS_REFUSED"), HasSubstr("refused.b@no.test")));
  EXPECT_THAT(server_->MailsTo("good@no.test"), SizeIs(1));
}

TEST_F(DeliveryTest, AServerThatHangsHoldsUpNothingForEver) {
  MakeTemplate("t", "s", "text");
  const Mail hanging = Send(MakeLead("hang.a@hang.test").name(), "t");
  const Mail put_off = Await(hanging.name(), Mail::STATE_QUEUED);
  EXPECT_THAT(put_off.error(), HasSubstr("SMTP_UNAVAILABLE"));
  // Others go out once the server has been left alone for a moment.
  const Mail other = Send(MakeLead("ada@other.test").name(), "t");
  suite_->Advance(std::chrono::seconds(5));
  Await(other.name(), Mail::STATE_SENT);
  automation::v1::CancelMailRequest cancel;
  cancel.set_name(hanging.name());
  EXPECT_EQ(automation_.Must<Mail>(cancel).state(), Mail::STATE_CANCELLED);
  ASSERT_TRUE(
      Eventually([&] { return GetMessage(put_off.message()).delivery_state() == Message::DELIVERY_STATE_FAILED; }));
}

TEST_F(DeliveryTest, AServerThatIsAwayIsTriedForThreeDays) {
  MakeTemplate("t", "s", "text");
  server_->Stop();
  const std::string name = Send(MakeLead("ada@away.test").name(), "t").name();
  Await(name, Mail::STATE_QUEUED);
  server_->Start();
  suite_->Advance(std::chrono::minutes(2));
  Await(name, Mail::STATE_SENT);
  server_->Stop();
  const std::string lost = Send(MakeLead("ada@gone.test").name(), "t").name();
  Await(lost, Mail::STATE_QUEUED);
  suite_->Advance(std::chrono::hours(73));
  EXPECT_THAT(Await(lost, Mail::STATE_FAILED).error(), HasSubstr("GIVEN_UP: SMTP_UNAVAILABLE"));
  server_->Start();
  suite_->Advance(std::chrono::minutes(2));
}

TEST_F(DeliveryTest, ABounceComesBackToTheMail) {
  MakeTemplate("t", "s", "text");
  const Mail sent = Await(Send(MakeLead("ada@bounce.test").name(), "t").name(), Mail::STATE_SENT);
  Receive(
      "From: MAILER-DAEMON@mx.bounce.test\r\nTo: us@acme.test\r\nSubject: Undelivered\r\nMessage-ID: "
      "<b1@mx.bounce.test>"
      "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=X\r\n\r\n--X\r\n"
      "Content-Type: text/plain\r\n\r\nSorry.\r\n--X\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: "
      "dns; mx.bounce.test\r\n\r\nFinal-Recipient: rfc822; ada@bounce.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
      "--X\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <" +
      sent.internet_message_id() + ">\r\nSubject: s\r\n\r\ntext\r\n--X--\r\n");
  const Mail bounced = Await(sent.name(), Mail::STATE_BOUNCED);
  EXPECT_THAT(bounced.error(), HasSubstr("5.1.1"));
  EXPECT_EQ(GetMessage(sent.message()).delivery_state(), Message::DELIVERY_STATE_BOUNCED);
}

TEST_F(DeliveryTest, WhoWantsNoMailGetsNone) {
  MakeTemplate("t", "s", "text");
  const std::string contact = MakeContact("ada@never.test");
  const Lead lead = MakeLead("ada@never.test", contact);
  const auto set = [&](bool never) {
    pipeline::v1::UpdateContactRequest update;
    update.mutable_contact()->set_name(contact);
    update.mutable_contact()->set_do_not_contact(never);
    update.mutable_update_mask()->add_paths("do_not_contact");
    admin_.Must<type::v1::Contact>(update);
  };
  set(true);
  EXPECT_THAT(automation_.Call<Mail>(Sending(lead.name(), "t")),
              IsError(absl::StatusCode::kFailedPrecondition, "DO_NOT_CONTACT"));
  set(false);
  // While the mail waits, the contact changes its mind.
  server_->Stop();
  const Mail waiting = Await(Send(lead.name(), "t").name(), Mail::STATE_QUEUED);
  set(true);
  server_->Start();
  suite_->Advance(std::chrono::minutes(2));
  EXPECT_THAT(Await(waiting.name(), Mail::STATE_SUPPRESSED).error(), HasSubstr("DO_NOT_CONTACT"));
  EXPECT_THAT(server_->MailsTo("ada@never.test"), IsEmpty());
  EXPECT_EQ(GetMessage(waiting.message()).delivery_state(), Message::DELIVERY_STATE_FAILED);
}

TEST_F(DeliveryTest, CircularsCarryALinkToUnsubscribe) {
  MakeTemplate("circular", "s", "To leave: {{unsubscribe_link}}", "", /*transactional=*/false);
  const Lead lead = MakeLead("ada@list.test", MakeContact("ada@list.test"));
  Await(Send(lead.name(), "circular").name(), Mail::STATE_SENT);
  const TakenMail taken = server_->MailsTo("ada@list.test")[0];
  EXPECT_THAT(taken.Header("List-Unsubscribe"), StartsWith("<https://example.com/u/"));
  EXPECT_EQ(taken.Header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
  EXPECT_THAT(taken.data, HasSubstr("To leave: https://example.com/u/"));
  // Whoever has no contact yet can leave too.
  Await(Send(MakeLead("eve@list.test").name(), "circular").name(), Mail::STATE_SENT);
  const TakenMail stranger = server_->MailsTo("eve@list.test")[0];
  EXPECT_THAT(stranger.Header("List-Unsubscribe"), StartsWith("<https://example.com/u/"));
  EXPECT_THAT(stranger.data, HasSubstr("To leave: https://example.com/u/"));
}

}  // namespace
}  // namespace embudo::testing
