// Inbound mails, routed in the order that the service promises.

#include <prometheus/counter.h>

#include "tests/integration/capture/mail_case.h"

namespace embudo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(MailTest, ANewSenderMakesALeadWhoseConversationBeginsWithTheMail) {
  const ReceiveMailResponse response =
      Receive(Mail("1@example.com", "", "I want an engine.\r\n\r\n-- \r\nAda\r\nCountess\r\n"));
  EXPECT_EQ(response.kind(), InboundEmail::KIND_NEW_LEAD);
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_CREATED);
  const Lead lead = GetLead(response.lead());
  EXPECT_EQ(lead.email(), "ada@example.com");
  EXPECT_EQ(lead.contact_name(), "Ada Lovelace");
  EXPECT_EQ(lead.display_name(), "Engines");
  EXPECT_EQ(lead.channel(), Lead::CHANNEL_EMAIL);
  const std::vector<Message> messages = MessagesOf(response.lead());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].name(), response.message());
  EXPECT_EQ(messages[0].type(), Message::TYPE_EMAIL_IN);
  EXPECT_EQ(messages[0].body(), "I want an engine.");
  EXPECT_EQ(messages[0].quoted_body(), "-- \nAda\nCountess");
  EXPECT_EQ(messages[0].from_address(), "Ada Lovelace <ada@example.com>");
  EXPECT_THAT(messages[0].to_addresses(), ElementsAre("hello@acme.test"));
  EXPECT_EQ(messages[0].internet_message_id(), "1@example.com");
  const Submission submission = GetSubmission(response.submission());
  EXPECT_EQ(submission.payload().email().kind(), InboundEmail::KIND_NEW_LEAD);
  EXPECT_EQ(submission.raw_content_type(), "message/rfc822");
  EXPECT_GT(submission.raw_size_bytes(), 100);
}

TEST_F(MailTest, TheSameMailAgainIsADuplicate) {
  const std::string mail = Mail("1@example.com", "", "I want an engine.");
  const ReceiveMailResponse first = Receive(mail);
  const ReceiveMailResponse again = Receive("Received: from elsewhere\r\n" + mail);
  EXPECT_EQ(again.kind(), InboundEmail::KIND_DUPLICATE);
  EXPECT_EQ(again.outcome(), Submission::OUTCOME_IGNORED);
  EXPECT_EQ(again.lead(), first.lead());
  EXPECT_EQ(again.message(), first.message());
  EXPECT_THAT(MessagesOf(first.lead()), SizeIs(1));
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(MailTest, OneMailBroughtByManyAtOnceIsOneLeadAndOneMessage) {
  const std::string mail = Mail("1@example.com", "", "I want an engine.");
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(Eventually([&] { return TryReceive(mail).ok(); })); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<Lead> leads = ListLeads();
  ASSERT_THAT(leads, SizeIs(1));
  EXPECT_THAT(MessagesOf(leads[0].name()), SizeIs(1));
}

TEST_F(MailTest, AReplyJoinsTheConversationByItsReferences) {
  const Message sent = SentMail();
  const std::string lead = sent.name().substr(0, sent.name().find("/messages"));
  const ReceiveMailResponse response =
      Receive(Mail("2@example.com", "References: <" + sent.internet_message_id() + ">\r\n",
                   "Too many.\r\n\r\nOn Thu, 26 Nov 2026 at 08:00, Us <us@acme.test> wrote:\r\n> Twelve looms.\r\n"));
  EXPECT_EQ(response.kind(), InboundEmail::KIND_REPLY);
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(response.lead(), lead);
  const Message reply = GetMessage(response.message());
  EXPECT_EQ(reply.body(), "Too many.");
  EXPECT_THAT(reply.quoted_body(), HasSubstr("Twelve looms."));
  EXPECT_FALSE(reply.auto_generated());
  // The reply is known from now on, so an answer to it belongs here too.
  const ReceiveMailResponse next = Receive(Mail("3@example.com", "In-Reply-To: <2@example.com>\r\n", "Or ten."));
  EXPECT_EQ(next.kind(), InboundEmail::KIND_REPLY);
  EXPECT_EQ(next.lead(), lead);
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(MailTest, AReplyWithoutReferencesFindsItsWayByTheTokenInTheAddress) {
  const std::string lead = CaptureLead(ByEmail("joseph@example.com")).lead();
  capture::v1::GetReplyAddressRequest request;
  request.set_lead(lead);
  EXPECT_EQ(ReasonOf(Capture<capture::v1::ReplyAddress>("MailService/GetReplyAddress", request).status()),
            "NO_MAIL_DOMAIN");
  SetMail("acme.test", MailSettings::CATCH_ALL_REJECT);
  const auto address = Capture<capture::v1::ReplyAddress>("MailService/GetReplyAddress", request);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_THAT(address->address(), StartsWith("inbox+"));
  std::string upper = address->address();
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const ReceiveMailResponse response = Receive(Mail("1@example.com", "", "It is me."), {upper});
  EXPECT_EQ(response.kind(), InboundEmail::KIND_REPLY);
  EXPECT_EQ(response.lead(), lead);

  std::string forged = address->address();
  forged[10] = forged[10] == 'a' ? 'b' : 'a';
  EXPECT_EQ(Receive(Mail("2@example.com", "", "It is not."), {forged}).kind(), InboundEmail::KIND_NO_RECIPIENT);
  request.set_lead("leads/" + Uuid::V7(Clock::System().Now()).ToString());
  EXPECT_EQ(Capture<capture::v1::ReplyAddress>("MailService/GetReplyAddress", request).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(MailTest, AMailToATeamsAliasMakesALeadOfThatTeam) {
  const std::string looms = TeamWithAlias("looms", "looms");
  const std::string engines = TeamWithAlias("engines", "engines@else.test");
  SetMail("acme.test", MailSettings::CATCH_ALL_REJECT);
  const ReceiveMailResponse by_name = Receive(Mail("1@example.com", "Cc: Looms@ACME.test\r\n", "Looms!"));
  EXPECT_EQ(by_name.kind(), InboundEmail::KIND_NEW_LEAD);
  EXPECT_EQ(GetLead(by_name.lead()).team(), looms);
  std::string other = Mail("2@example.com", "", "Engines!");
  other.replace(other.find("ada@"), 4, "eva@");
  EXPECT_EQ(GetLead(Receive(other, {"engines@else.test"}).lead()).team(), engines);
  // An alias without a domain is one in the tenant's domain only.
  const ReceiveMailResponse elsewhere = Receive(Mail("3@example.com", "", "Hm"), {"looms@else.test"});
  EXPECT_EQ(elsewhere.kind(), InboundEmail::KIND_NO_RECIPIENT);
  EXPECT_EQ(elsewhere.outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_EQ(elsewhere.lead(), "");
  EXPECT_GT(GetSubmission(elsewhere.submission()).raw_size_bytes(), 0);
}

TEST_F(MailTest, ABounceIsRecordedOnTheMailThatBounced) {
  const Message sent = SentMail();
  pipeline::v1::RecordDeliveryRequest delivery;
  delivery.set_name(sent.name());
  delivery.set_delivery_state(Message::DELIVERY_STATE_SENT);
  admin_.roles = {type::v1::ROLE_SERVICE};
  Pipeline<Message>("MessageService/RecordDelivery", delivery);
  const std::string bounce =
      "From: MAILER-DAEMON@mx.example.com\r\nTo: us@acme.test\r\nSubject: Undelivered Mail\r\nMessage-ID: "
      "<b1@mx.example.com>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; "
      "report-type=delivery-status; boundary=X\r\n\r\n--X\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--X\r\n"
      "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; "
      "joseph@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n--X\r\n"
      "Content-Type: message/rfc822\r\n\r\nMessage-ID: <" +
      sent.internet_message_id() + ">\r\nSubject: Our offer\r\n\r\nTwelve looms.\r\n--X--\r\n";
  const ReceiveMailResponse response = Receive(bounce);
  EXPECT_EQ(response.kind(), InboundEmail::KIND_BOUNCE);
  EXPECT_EQ(response.outcome(), Submission::OUTCOME_IGNORED);
  EXPECT_EQ(response.message(), sent.name());
  const Message bounced = GetMessage(sent.name());
  EXPECT_EQ(bounced.delivery_state(), Message::DELIVERY_STATE_BOUNCED);
  EXPECT_EQ(bounced.delivery_error(), "joseph@example.com: 5.1.1 550 no such user");
  EXPECT_THAT(ListLeads(), SizeIs(1));
  std::string unknown = bounce;
  unknown.replace(unknown.find(sent.internet_message_id()), sent.internet_message_id().size(), "nobody@knows.it");
  unknown.replace(unknown.find("b1@mx"), 5, "b2@mx");
  const ReceiveMailResponse other = Receive(unknown);
  EXPECT_EQ(other.kind(), InboundEmail::KIND_BOUNCE);
  EXPECT_EQ(other.lead(), "");
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(MailTest, AutomaticRepliesMakeNoLeads) {
  const Message sent = SentMail();
  const ReceiveMailResponse alone = Receive(Mail("1@example.com", "Auto-Submitted: auto-replied\r\n", "I am away."));
  EXPECT_EQ(alone.kind(), InboundEmail::KIND_AUTO_REPLY);
  EXPECT_EQ(alone.outcome(), Submission::OUTCOME_IGNORED);
  EXPECT_EQ(alone.reason(), "a machine wrote it, as one sees by Auto-Submitted: auto-replied");
  const ReceiveMailResponse reply = Receive(
      Mail("2@example.com", "X-Autoreply: yes\r\nIn-Reply-To: <" + sent.internet_message_id() + ">\r\n", "Away"));
  EXPECT_EQ(reply.kind(), InboundEmail::KIND_AUTO_REPLY);
  EXPECT_EQ(reply.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_TRUE(GetMessage(reply.message()).auto_generated());
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(MailTest, APostOfAMailingListMakesNoLeadUnlessTheTenantLetsIt) {
  constexpr char kList[] = "List-Id: Looms <looms.lists.example.com>\r\nPrecedence: list\r\n";
  const auto counted = [](const char* kind, const char* outcome) {
    return installation_->capture->metrics()
        .Counter("embudo_capture_mails_total", "Mails that came in, by what they are and what became of them",
                 {{"kind", kind}, {"outcome", outcome}})
        .Value();
  };
  const double ignored = counted("mailing_list", "ignored");
  const double made = counted("new_lead", "created");
  const ReceiveMailResponse post = Receive(Mail("1@example.com", kList, "Who has a loom?"));
  EXPECT_EQ(post.kind(), InboundEmail::KIND_MAILING_LIST);
  EXPECT_EQ(post.outcome(), Submission::OUTCOME_IGNORED);
  EXPECT_EQ(post.reason(), "it was written to a mailing list, as one sees by List-Id");
  const Submission kept = GetSubmission(post.submission());
  EXPECT_EQ(kept.payload().email().kind(), InboundEmail::KIND_MAILING_LIST);
  EXPECT_GT(kept.raw_size_bytes(), 0);
  EXPECT_EQ(counted("mailing_list", "ignored"), ignored + 1);
  EXPECT_THAT(ListLeads(), IsEmpty());

  capture::v1::UpdateMailSettingsRequest update;
  update.mutable_mail_settings()->set_name("mailSettings/default");
  update.mutable_mail_settings()->set_mailing_lists(MailSettings::MAILING_LISTS_NEW_LEAD);
  update.mutable_update_mask()->add_paths("mailing_lists");
  const auto settings = Capture<MailSettings>("MailService/UpdateMailSettings", update);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->catch_all(), MailSettings::CATCH_ALL_NEW_LEAD);
  const ReceiveMailResponse allowed = Receive(Mail("2@example.com", kList, "I want a loom."));
  EXPECT_EQ(allowed.kind(), InboundEmail::KIND_NEW_LEAD);
  EXPECT_EQ(allowed.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(counted("new_lead", "created"), made + 1);
  EXPECT_THAT(ListLeads(), SizeIs(1));
  // What a machine posts is a machine's.
  EXPECT_EQ(Receive(Mail("3@example.com", std::string(kList) + "Auto-Submitted: auto-generated\r\n", "Digest")).kind(),
            InboundEmail::KIND_AUTO_REPLY);
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

TEST_F(MailTest, AReplyByAMailingListIsAPersonsReply) {
  const Message sent = SentMail();
  const ReceiveMailResponse reply =
      Receive(Mail("2@example.com",
                   "List-Id: <buyers.example.com>\r\nIn-Reply-To: <" + sent.internet_message_id() + ">\r\n", "Yes."));
  EXPECT_EQ(reply.kind(), InboundEmail::KIND_REPLY);
  EXPECT_EQ(reply.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_FALSE(GetMessage(reply.message()).auto_generated());
}

TEST_F(MailTest, LoopsAndSpamAreKeptAndNothingElse) {
  SetMail("acme.test", MailSettings::CATCH_ALL_NEW_LEAD, {"Ada@Example.com"});
  const ReceiveMailResponse own = Receive(Mail("1@example.com", "", "From ourselves"));
  EXPECT_EQ(own.kind(), InboundEmail::KIND_LOOP);
  EXPECT_EQ(own.outcome(), Submission::OUTCOME_IGNORED);
  SetMail("acme.test", MailSettings::CATCH_ALL_NEW_LEAD);
  std::string hops;
  for (int i = 0; i < 60; ++i) hops += "Received: from a by b; Thu, 26 Nov 2026 09:00:00 +0100\r\n";
  EXPECT_EQ(Receive(Mail("2@example.com", hops, "Round")).kind(), InboundEmail::KIND_LOOP);
  EXPECT_EQ(Receive(Mail("3@example.com", "X-Embudo-Loop: 1\r\n", "Round")).kind(), InboundEmail::KIND_LOOP);
  const ReceiveMailResponse spam = Receive(Mail("4@example.com", "X-Spam-Flag: YES\r\n", "Pills"));
  EXPECT_EQ(spam.kind(), InboundEmail::KIND_SPAM);
  EXPECT_EQ(spam.outcome(), Submission::OUTCOME_SPAM);
  EXPECT_THAT(ListLeads(), IsEmpty());
}

TEST_F(MailTest, AttachmentsAndHtmlComeAlong) {
  const ReceiveMailResponse response = Receive(
      Mail("1@example.com", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=X\r\n",
           "--X\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=x>See <b>this</b><script>bad()</script></p>"
           "\r\n--X\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=\"../wishes.csv\"\r\n\r\na,b"
           "\r\n1,2\r\n--X--\r\n"));
  const Message message = GetMessage(response.message());
  EXPECT_EQ(message.body(), "See this");
  EXPECT_EQ(message.html_body(), "<p>See <b>this</b></p>");
  ASSERT_EQ(message.attachments_size(), 1);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.attachment WHERE tenant_id = $1 AND file_name = 'wishes.csv'"), 1);
}

TEST_F(MailTest, WhatIsNoMailIsRefusedOrKept) {
  EXPECT_EQ(ReasonOf(TryReceive("").status()), "MAIL_EMPTY");
  const ReceiveMailResponse garbage = Receive(std::string("\x00\xff\xfe garbage\r\n", 13));
  EXPECT_EQ(garbage.outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_EQ(GetSubmission(garbage.submission()).raw_size_bytes(), 13);
  admin_.roles = {type::v1::ROLE_MANAGER};
  EXPECT_EQ(ReasonOf(TryReceive(Mail("1@example.com", "", "x")).status()), "ROLE_REQUIRED");
}

TEST_F(MailTest, AMailThatIsTooLargeIsRefusedWithoutReadingItAll) {
  const std::string mail = Mail("1@example.com", "", std::string(size_t{200} << 20, 'x'));
  EXPECT_EQ(ReasonOf(TryReceive(mail).status()), "MAIL_TOO_LARGE");
  EXPECT_THAT(ListLeads(), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
