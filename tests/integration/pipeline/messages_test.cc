// A lead's conversation: notes, calls, chats, mails, and who is told of them.

#include <thread>

#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "embudo/type/v1/notification.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using type::v1::Message;
using type::v1::Notification;

class MessageTest : public PipelineTest {
 protected:
  MessageTest() {
    for (const char* id : {"ana", "bob", "cho"}) CreateUser(id);
    lead_ = CreateLead().name();
  }

  Caller Rep(const std::string& id) const { return As(type::v1::ROLE_REP, "users/" + id); }

  static pipeline::v1::CreateMessageRequest New(const std::string& lead, Message::Type type, const std::string& body) {
    pipeline::v1::CreateMessageRequest request;
    request.set_parent(lead);
    request.mutable_message()->set_type(type);
    request.mutable_message()->set_body(body);
    return request;
  }
  Message Note(const Caller& caller, const std::string& body) const {
    return caller.Must<Message>(New(lead_, Message::TYPE_INTERNAL_NOTE, body));
  }
  absl::StatusOr<Message> TryNote(const Caller& caller, const std::string& body) const {
    return caller.Call<Message>(New(lead_, Message::TYPE_INTERNAL_NOTE, body));
  }
  pipeline::v1::CreateMessageRequest Mail(const std::string& internet_message_id) const {
    auto request = New(lead_, Message::TYPE_EMAIL_IN, "Yes, please.");
    request.mutable_message()->set_subject("Re: Offer");
    request.mutable_message()->set_from_address("Zoe <zoe@customer.example>");
    request.mutable_message()->set_internet_message_id(internet_message_id);
    return request;
  }
  pipeline::v1::SendEmailRequest Outgoing(const std::string& to = "zoe@customer.example") const {
    pipeline::v1::SendEmailRequest request;
    request.set_parent(lead_);
    if (!to.empty()) request.add_to_addresses(to);
    request.set_subject("Our offer");
    request.set_body("Dear Zoe");
    return request;
  }
  absl::StatusOr<Message> Edit(const Caller& caller, const std::string& name, const std::string& body) const {
    pipeline::v1::UpdateMessageRequest request;
    request.mutable_message()->set_name(name);
    request.mutable_message()->set_body(body);
    return caller.Call<Message>(request);
  }
  static absl::StatusOr<Message> Delete(const Caller& caller, const std::string& name) {
    pipeline::v1::DeleteMessageRequest request;
    request.set_name(name);
    return caller.Call<Message>(request);
  }
  absl::StatusOr<Message> Deliver(const std::string& name, Message::DeliveryState state,
                                  const std::string& error = "") const {
    pipeline::v1::RecordDeliveryRequest request;
    request.set_name(name);
    request.set_delivery_state(state);
    request.set_delivery_error(error);
    return service_.Call<Message>(request);
  }
  std::vector<std::string> List(const Caller& caller, const std::string& filter = "",
                                const std::string& parent = "") const {
    pipeline::v1::ListMessagesRequest request;
    request.set_parent(parent.empty() ? lead_ : parent);
    request.set_filter(filter);
    std::vector<std::string> bodies;
    const auto page = caller.Must<pipeline::v1::ListMessagesResponse>(request);
    for (const Message& message : page.messages()) bodies.push_back(message.body());
    return bodies;
  }
  /// What a user was told: `MENTION of <subject>`, newest first.
  std::vector<std::string> ToldTo(const std::string& id) const {
    pipeline::v1::ListNotificationsRequest request;
    request.set_parent("users/me");
    std::vector<std::string> told;
    const auto page = Rep(id).Must<pipeline::v1::ListNotificationsResponse>(request);
    for (const Notification& notification : page.notifications()) {
      EXPECT_EQ(notification.lead(), lead_);
      told.push_back(Notification::Kind_Name(notification.kind()).substr(5) + " of " + notification.subject());
    }
    return told;
  }
  std::vector<std::string> Followers() const {
    const auto lead = GetLead(lead_);
    return {lead.followers().begin(), lead.followers().end()};
  }
  std::string Attach() const {
    const auto stream = admin_.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
    pipeline::v1::UploadAttachmentRequest request;
    request.set_parent(lead_);
    request.set_file_name("offer.txt");
    request.set_content("An offer");
    EXPECT_TRUE(stream->Write(request));
    stream->WritesDone();
    type::v1::Attachment attachment;
    EXPECT_TRUE(stream->Read(&attachment));
    return attachment.name();
  }
  std::string CreateContact(const std::function<void(type::v1::Contact&)>& fill) const {
    pipeline::v1::CreateContactRequest request;
    request.mutable_contact()->set_display_name("Zoe");
    fill(*request.mutable_contact());
    return admin_.Must<type::v1::Contact>(request).name();
  }

  std::string lead_;
};

TEST_F(MessageTest, ANoteIsKeptToldAndTouchesTheLead) {
  suite().Advance(std::chrono::hours(1));
  const auto before = GetLead(lead_);
  const Message note = Note(Rep("ana"), "Ask @bob about this, @cho too. Not x@bob or @nobody.");
  EXPECT_EQ(note.author(), "users/ana");
  EXPECT_TRUE(note.internal());
  EXPECT_THAT(note.mentions(), ElementsAre("users/bob", "users/cho"));
  EXPECT_EQ(note.delivery_state(), Message::DELIVERY_STATE_UNSPECIFIED);

  const auto after = GetLead(lead_);
  EXPECT_THAT(after.followers(), ElementsAre("users/bob", "users/cho"));
  EXPECT_THAT(after.last_touch_time(), SameAs(note.create_time()));
  EXPECT_NE(after.etag(), before.etag());
  const auto events = EventsAbout(lead_);
  ASSERT_THAT(TypesOf(events), ElementsAre("lead.created", "lead.updated"));
  EXPECT_THAT(events[1].changed_fields().paths(), UnorderedElementsAre("followers", "last_touch_time"));
  EXPECT_EQ(events[1].actor(), "users/ana");
  EXPECT_THAT(TypesOf(EventsAbout(note.name())), ElementsAre("message.created"));
  EXPECT_EQ(EventsAbout(note.name())[0].partition_key(), lead_.substr(6));

  EXPECT_THAT(ToldTo("bob"), ElementsAre("MENTION of " + note.name()));
  EXPECT_THAT(ToldTo("cho"), ElementsAre("MENTION of " + note.name()));
  EXPECT_THAT(ToldTo("ana"), IsEmpty());
}

TEST_F(MessageTest, FollowersAreToldOnceAndNeverOfTheirOwn) {
  Note(admin_, "@ana @bob");
  const Message second = Note(Rep("ana"), "@bob: done");
  EXPECT_THAT(ToldTo("bob"), Contains("MENTION of " + second.name()));
  EXPECT_EQ(ToldTo("bob").size(), 2u);
  EXPECT_EQ(ToldTo("ana").size(), 1u);
  const Message third = Note(Rep("cho"), "Thanks");
  EXPECT_THAT(ToldTo("ana"), Contains("MESSAGE of " + third.name()));
  EXPECT_THAT(ToldTo("bob"), Contains("MESSAGE of " + third.name()));
  EXPECT_THAT(ToldTo("cho"), IsEmpty());
  EXPECT_THAT(Followers(), ElementsAre("users/ana", "users/bob"));
}

TEST_F(MessageTest, ADisabledUserIsNotMentioned) {
  CreateUser("gone", type::v1::User::VISIBILITY_ALL, /*disabled=*/true);
  const Message note = Note(admin_, "@gone?");
  EXPECT_THAT(note.mentions(), IsEmpty());
  EXPECT_THAT(Followers(), IsEmpty());
  EXPECT_EQ(note.body(), "@gone?");
}

TEST_F(MessageTest, ARepeatDoesNothingTwice) {
  auto request = New(lead_, Message::TYPE_INTERNAL_NOTE, "@bob");
  request.set_request_id(NewRequestId());
  const Message first = Rep("ana").Must<Message>(request);
  EXPECT_THAT(Rep("ana").Must<Message>(request), SameAs(first));
  EXPECT_THAT(ToldTo("bob"), ElementsAre("MENTION of " + first.name()));
  EXPECT_THAT(List(admin_), ElementsAre("@bob"));
  EXPECT_THAT(TypesOf(EventsAbout(lead_)), ElementsAre("lead.created", "lead.updated"));

  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(lead_);
  admin_.Must<type::v1::Lead>(remove);
  EXPECT_THAT(Rep("ana").Must<Message>(request), SameAs(first));
  request.set_request_id(NewRequestId());
  EXPECT_THAT(Rep("ana").Call<Message>(request), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(MessageTest, ValidateOnlyTellsAndTouchesNobody) {
  auto request = New(lead_, Message::TYPE_INTERNAL_NOTE, "@bob");
  request.set_validate_only(true);
  EXPECT_THAT(admin_.Must<Message>(request).mentions(), ElementsAre("users/bob"));
  EXPECT_THAT(ToldTo("bob"), IsEmpty());
  EXPECT_THAT(Followers(), IsEmpty());
  EXPECT_THAT(List(admin_), IsEmpty());
}

TEST_F(MessageTest, ManyWriteAtOnceAndNothingIsLost) {
  constexpr int kWriters = 8;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    const std::string id = "w" + std::to_string(i);
    CreateUser(id);
    writers.emplace_back([this, id, i] { Note(Rep("ana"), "@" + id + " " + std::to_string(i)); });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(List(admin_).size(), static_cast<size_t>(kWriters));
  EXPECT_EQ(Followers().size(), static_cast<size_t>(kWriters));
}

TEST_F(MessageTest, ACallKeepsItsLog) {
  auto request = New(lead_, Message::TYPE_CALL, "");
  auto& call = *request.mutable_message()->mutable_call();
  call.set_direction(type::v1::CallLog::DIRECTION_OUTBOUND);
  call.set_phone("(650) 253-0000");
  call.mutable_duration()->set_seconds(125);
  call.mutable_duration()->set_nanos(500'000'000);
  call.set_recording_uri("https://calls.example/1");
  const Message made = Rep("ana").Must<Message>(request);
  EXPECT_EQ(made.call().phone(), "+16502530000");
  EXPECT_TRUE(made.internal());
  pipeline::v1::GetMessageRequest get;
  get.set_name(made.name());
  EXPECT_THAT(Rep("bob").Must<Message>(get), SameAs(made));
}

TEST_F(MessageTest, EachFieldOfTheWrongTypeIsNamed) {
  auto request = New(lead_, Message::TYPE_INTERNAL_NOTE, "x");
  request.mutable_message()->set_html_body("<p>");
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("message.html_body"));
  EXPECT_THAT(BadFields(TryNote(admin_, " ").status()), ElementsAre("message.body"));
  for (const auto type : {Message::TYPE_SYSTEM, Message::TYPE_EMAIL_OUT}) {
    EXPECT_THAT(BadFields(service_.Call<Message>(New(lead_, type, "x")).status()), ElementsAre("message.type"));
  }
  request = New(lead_, Message::TYPE_INTERNAL_NOTE, "x");
  request.mutable_message()->add_attachments(lead_ + "/attachments/" + NewRequestId());
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("message.attachments[0]"));
  EXPECT_THAT(List(admin_), IsEmpty());
}

TEST_F(MessageTest, AttachmentsAreTheLeadsOwn) {
  const std::string attachment = Attach();
  auto request = New(lead_, Message::TYPE_INTERNAL_NOTE, "see there");
  request.mutable_message()->add_attachments(attachment);
  EXPECT_THAT(admin_.Must<Message>(request).attachments(), ElementsAre(attachment));
  request.set_parent(CreateLead().name());
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("message.attachments[0]"));

  pipeline::v1::DeleteAttachmentRequest remove;
  remove.set_name(attachment);
  EXPECT_THAT(admin_.Call<type::v1::Attachment>(remove), IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
}

// --- who may ---

TEST_F(MessageTest, AFollowerMayNoteAndNoMore) {
  CreateUser("dee", type::v1::User::VISIBILITY_OWN);
  EXPECT_THAT(TryNote(Rep("dee"), "x"), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  Note(admin_, "@dee have a look");
  const Message note = Note(Rep("dee"), "I have");
  EXPECT_EQ(note.author(), "users/dee");
  for (const auto type : {Message::TYPE_CALL, Message::TYPE_CHAT}) {
    EXPECT_THAT(Rep("dee").Call<Message>(New(lead_, type, "x")),
                IsError(StatusCode::kPermissionDenied, "READ_ONLY_ACCESS"));
  }
  EXPECT_THAT(Rep("dee").Call<Message>(Outgoing()), IsError(StatusCode::kPermissionDenied, "READ_ONLY_ACCESS"));
  EXPECT_THAT(List(Rep("dee")), ElementsAre("I have", "@dee have a look"));
  EXPECT_TRUE(Edit(Rep("dee"), note.name(), "I have looked").ok());
}

TEST_F(MessageTest, WhatTheLeadsReaderMayNotSeeIsNotThere) {
  CreateUser("dee", type::v1::User::VISIBILITY_OWN);
  const Message note = Note(admin_, "secret");
  pipeline::v1::GetMessageRequest get;
  get.set_name(note.name());
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(Rep("dee").Call<Message>(get), not_found);
  EXPECT_THAT(Edit(Rep("dee"), note.name(), "mine"), not_found);
  EXPECT_THAT(Delete(Rep("dee"), note.name()), not_found);
  EXPECT_THAT(List(Rep("dee")), IsEmpty());
  EXPECT_THAT(List(Rep("dee"), "", "leads/-"), IsEmpty());
  EXPECT_THAT(List(service_, "", "leads/-"), ElementsAre("secret"));
}

TEST_F(MessageTest, OnlyTheAuthorAndAdministratorsChangeANote) {
  const Message note = Note(Rep("ana"), "first");
  const auto denied = IsError(StatusCode::kPermissionDenied, "NOT_THE_AUTHOR");
  EXPECT_THAT(Edit(Rep("bob"), note.name(), "mine"), denied);
  EXPECT_THAT(Edit(manager_, note.name(), "mine"), denied);
  EXPECT_THAT(Edit(service_, note.name(), "mine"), denied);
  EXPECT_THAT(Delete(Rep("bob"), note.name()), denied);
  EXPECT_EQ(Edit(Rep("ana"), note.name(), "second")->body(), "second");
  EXPECT_EQ(Edit(admin_, note.name(), "third")->author(), "users/ana");
  EXPECT_TRUE(Delete(Rep("ana"), note.name())->has_delete_time());
  EXPECT_THAT(TypesOf(EventsAbout(note.name())),
              ElementsAre("message.created", "message.updated", "message.updated", "message.deleted"));
  EXPECT_THAT(List(admin_), IsEmpty());
}

TEST_F(MessageTest, AnEditTellsThoseWhoAreNewInIt) {
  const Message note = Note(Rep("ana"), "@bob");
  const auto edited = Edit(Rep("ana"), note.name(), "@bob @cho");
  ASSERT_TRUE(edited.ok()) << edited.status();
  EXPECT_THAT(edited->mentions(), ElementsAre("users/bob", "users/cho"));
  EXPECT_THAT(ToldTo("bob"), ElementsAre("MENTION of " + note.name()));
  EXPECT_THAT(ToldTo("cho"), ElementsAre("MENTION of " + note.name()));
  EXPECT_THAT(Followers(), ElementsAre("users/bob", "users/cho"));
  EXPECT_THAT(Edit(Rep("ana"), note.name(), "nobody")->mentions(), IsEmpty());
  EXPECT_THAT(Followers(), ElementsAre("users/bob", "users/cho"));
}

// --- mails ---

TEST_F(MessageTest, AMailComesByAServiceAndOnce) {
  EXPECT_THAT(admin_.Call<Message>(Mail("1@customer.example")),
              IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  Note(admin_, "@bob");
  const auto touched = GetLead(lead_).last_touch_time();
  const Message mail = service_.Must<Message>(Mail("<1@customer.example>"));
  EXPECT_FALSE(mail.internal());
  EXPECT_EQ(mail.author(), "");
  EXPECT_EQ(mail.internet_message_id(), "1@customer.example");
  EXPECT_THAT(ToldTo("bob"), Contains("MESSAGE of " + mail.name()));
  EXPECT_THAT(GetLead(lead_).last_touch_time(), SameAs(touched));

  auto again = Mail("1@customer.example");
  again.set_parent(CreateLead().name());
  for (const bool only : {true, false}) {
    again.set_validate_only(only);
    const auto status = service_.Call<Message>(again).status();
    EXPECT_THAT(status, IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
    EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status).resource_name(), mail.name());
  }
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_SERVICE, "services/capture");
  pipeline::v1::CreateLeadRequest theirs;
  theirs.mutable_lead()->set_display_name("Theirs");
  again.set_parent(other.Must<type::v1::Lead>(theirs).name());
  EXPECT_TRUE(other.Call<Message>(again).ok());
}

TEST_F(MessageTest, OfManyTakingOneMailInOneWinsAndAllAreToldOfIt) {
  constexpr int kTakers = 6;
  std::vector<absl::StatusOr<Message>> results(kTakers, absl::UnknownError(""));
  std::vector<std::thread> takers;
  for (size_t i = 0; i < kTakers; ++i) {
    takers.emplace_back([&, i] { results[i] = service_.Call<Message>(Mail("2@customer.example")); });
  }
  for (std::thread& taker : takers) taker.join();
  std::string name;
  for (const auto& result : results) {
    if (!result.ok()) continue;
    EXPECT_EQ(name, "");
    name = result->name();
  }
  ASSERT_NE(name, "");
  for (const auto& result : results) {
    if (result.ok()) continue;
    EXPECT_THAT(result, IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
    EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(result.status()).resource_name(), name);
  }
}

TEST_F(MessageTest, MailsStand) {
  const Message in = service_.Must<Message>(Mail("3@customer.example"));
  const Message out = admin_.Must<Message>(Outgoing());
  for (const std::string& name : {in.name(), out.name()}) {
    EXPECT_THAT(Edit(admin_, name, "other"), IsError(StatusCode::kFailedPrecondition, "MESSAGE_FIXED"));
    EXPECT_THAT(Delete(admin_, name), IsError(StatusCode::kFailedPrecondition, "MESSAGE_FIXED"));
  }
  const Message chat = admin_.Must<Message>(New(lead_, Message::TYPE_CHAT, "Hello"));
  EXPECT_FALSE(chat.internal());
  EXPECT_THAT(Edit(admin_, chat.name(), "other"), IsError(StatusCode::kFailedPrecondition, "MESSAGE_FIXED"));
  EXPECT_TRUE(Delete(admin_, chat.name()).ok());
}

TEST_F(MessageTest, AMailIsQueuedToTheLead) {
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead_);
  update.mutable_lead()->set_email("Zoe@Customer.example");
  admin_.Must<type::v1::Lead>(update);
  const Message asked = service_.Must<Message>(Mail("4@customer.example"));
  const std::string attachment = Attach();
  auto request = Outgoing("");
  request.add_cc_addresses("Boss@Customer.Example");
  request.set_html_body("<p>Dear Zoe");
  request.set_in_reply_to(asked.name());
  request.set_template_("mailTemplates/offer");
  request.add_attachments(attachment);
  request.set_request_id(NewRequestId());
  suite().Advance(std::chrono::minutes(1));
  const Message mail = Rep("ana").Must<Message>(request);
  EXPECT_EQ(mail.type(), Message::TYPE_EMAIL_OUT);
  EXPECT_EQ(mail.delivery_state(), Message::DELIVERY_STATE_QUEUED);
  EXPECT_EQ(mail.author(), "users/ana");
  EXPECT_FALSE(mail.internal());
  EXPECT_THAT(mail.to_addresses(), ElementsAre("zoe@customer.example"));
  EXPECT_THAT(mail.cc_addresses(), ElementsAre("boss@customer.example"));
  EXPECT_EQ(mail.internet_message_id(), mail.name().substr(mail.name().rfind('/') + 1) + "@" + tenant_ + ".embudo");
  EXPECT_EQ(mail.in_reply_to(), "4@customer.example");
  EXPECT_EQ(mail.from_address(), "");
  EXPECT_EQ(mail.template_(), "mailTemplates/offer");
  EXPECT_THAT(mail.attachments(), ElementsAre(attachment));
  EXPECT_THAT(GetLead(lead_).last_touch_time(), SameAs(mail.create_time()));
  const auto events = EventsAbout(mail.name());
  ASSERT_THAT(TypesOf(events), ElementsAre("message.created"));
  EXPECT_THAT(events[0].data().message(), SameAs(mail));

  EXPECT_THAT(Rep("ana").Must<Message>(request), SameAs(mail));
  request.set_subject("Another");
  EXPECT_THAT(Rep("ana").Call<Message>(request), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  EXPECT_EQ(List(admin_, "type = EMAIL_OUT").size(), 1u);
}

TEST_F(MessageTest, AMailThatCantBeSentIsRefused) {
  const Message note = Note(admin_, "x");
  EXPECT_THAT(BadFields(admin_.Call<Message>(Outgoing("")).status()), ElementsAre("to_addresses"));
  auto request = Outgoing();
  request.set_in_reply_to(note.name());
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("in_reply_to"));
  const Message mail = service_.Must<Message>(Mail("5@customer.example"));
  request.set_parent(CreateLead().name());
  request.set_in_reply_to(mail.name());
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("in_reply_to"));
  request = Outgoing();
  request.add_attachments(lead_ + "/attachments/" + NewRequestId());
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("attachments[0]"));
  request = Outgoing();
  request.set_parent("leads/" + NewRequestId());
  EXPECT_THAT(admin_.Call<Message>(request), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  request.set_parent("contacts/x");
  EXPECT_THAT(BadFields(admin_.Call<Message>(request).status()), ElementsAre("parent"));
  request = Outgoing();
  request.set_validate_only(true);
  EXPECT_TRUE(admin_.Call<Message>(request).ok());
  EXPECT_THAT(List(admin_, "type = EMAIL_OUT"), IsEmpty());
}

TEST_F(MessageTest, WhoMustNotBeContactedIsNot) {
  const std::string zoe = CreateContact([](type::v1::Contact& contact) { contact.set_do_not_contact(true); });
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead_);
  update.mutable_lead()->set_contact(zoe);
  admin_.Must<type::v1::Lead>(update);
  const auto status = admin_.Call<Message>(Outgoing()).status();
  EXPECT_THAT(status, IsError(StatusCode::kFailedPrecondition, "DO_NOT_CONTACT"));
  EXPECT_THAT(Violations(status), ElementsAre(zoe));

  // Whoever has the address, whichever lead it is about.
  const std::string max = CreateContact([](type::v1::Contact& contact) {
    contact.set_email("max@customer.example");
    contact.set_do_not_contact(true);
  });
  auto request = Outgoing();
  request.set_parent(CreateLead().name());
  EXPECT_TRUE(admin_.Call<Message>(request).ok());
  request.add_cc_addresses("MAX@customer.example");
  EXPECT_THAT(Violations(admin_.Call<Message>(request).status()), ElementsAre(max));
}

TEST_F(MessageTest, ADeliveryIsRecordedAndNeverGoesBack) {
  const Message mail = admin_.Must<Message>(Outgoing());
  const auto sent = Deliver(mail.name(), Message::DELIVERY_STATE_SENT);
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->delivery_state(), Message::DELIVERY_STATE_SENT);
  EXPECT_EQ(Deliver(mail.name(), Message::DELIVERY_STATE_SENT)->etag(), sent->etag());
  EXPECT_THAT(Deliver(mail.name(), Message::DELIVERY_STATE_QUEUED),
              IsError(StatusCode::kFailedPrecondition, "DELIVERY_GOES_BACK"));
  const auto bounced = Deliver(mail.name(), Message::DELIVERY_STATE_BOUNCED, "550 no such user");
  ASSERT_TRUE(bounced.ok()) << bounced.status();
  EXPECT_EQ(bounced->delivery_error(), "550 no such user");
  EXPECT_THAT(Deliver(mail.name(), Message::DELIVERY_STATE_SENT),
              IsError(StatusCode::kFailedPrecondition, "DELIVERY_GOES_BACK"));
  EXPECT_THAT(TypesOf(EventsAbout(mail.name())), ElementsAre("message.created", "message.updated", "message.updated"));
  const Message note = Note(admin_, "x");
  EXPECT_THAT(Deliver(note.name(), Message::DELIVERY_STATE_SENT),
              IsError(StatusCode::kFailedPrecondition, "MESSAGE_FIXED"));
}

// --- reading ---

TEST_F(MessageTest, TheCustomersViewIsWithoutWhatIsInternal) {
  const auto minute = [] { suite().Advance(std::chrono::minutes(1)); };
  Note(admin_, "note");
  minute();
  service_.Must<Message>(Mail("6@customer.example"));
  minute();
  admin_.Must<Message>(New(lead_, Message::TYPE_CALL, "call"));
  minute();
  admin_.Must<Message>(New(lead_, Message::TYPE_CHAT, "chat"));
  minute();
  admin_.Must<Message>(Outgoing());
  EXPECT_THAT(List(admin_), ElementsAre("Dear Zoe", "chat", "call", "Yes, please.", "note"));
  EXPECT_THAT(List(admin_, "internal = false"), ElementsAre("Dear Zoe", "chat", "Yes, please."));
  EXPECT_THAT(List(admin_, "type = CALL"), ElementsAre("call"));
  EXPECT_THAT(List(admin_, "internet_message_id = \"6@customer.example\"", "leads/-"), ElementsAre("Yes, please."));
  EXPECT_THAT(List(admin_, "", CreateLead().name()), IsEmpty());
}

}  // namespace
}  // namespace embudo::testing
