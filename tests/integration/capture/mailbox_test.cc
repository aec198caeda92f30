// Mailboxes: the resource, and mails fetched from a real IMAP server.

#include "tests/integration/capture/dovecot.h"
#include "tests/integration/capture/mail_case.h"

namespace embudo::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class MailboxTest : public MailTest {
 protected:
  capture::v1::CreateMailboxRequest Request(const std::string& id) const {
    capture::v1::CreateMailboxRequest request;
    request.set_mailbox_id(id);
    Mailbox& mailbox = *request.mutable_mailbox();
    mailbox.set_display_name(id);
    mailbox.set_host("127.0.0.1");
    mailbox.set_tls(Mailbox::TLS_NONE);
    mailbox.set_username(id);
    mailbox.set_password_file("password");
    mailbox.set_poll_seconds(1);
    return request;
  }
  Mailbox Create(const capture::v1::CreateMailboxRequest& request) {
    const auto mailbox = Capture<Mailbox>("MailService/CreateMailbox", request);
    EXPECT_TRUE(mailbox.ok()) << mailbox.status();
    return mailbox.ok() ? *mailbox : Mailbox();
  }
  Mailbox Get(const std::string& name) {
    capture::v1::GetMailboxRequest request;
    request.set_name(name);
    const auto mailbox = Capture<Mailbox>("MailService/GetMailbox", request);
    EXPECT_TRUE(mailbox.ok()) << mailbox.status();
    return mailbox.ok() ? *mailbox : Mailbox();
  }
  /// The service anew, with a password for this tenant.
  void StartWithPassword(const std::string& password, const std::string& ca_file = "") {
    std::filesystem::create_directories(secrets_.path() / tenant_);
    std::ofstream(secrets_.path() / tenant_ / "password") << password << "\n";
    installation_->capture.reset();
    installation_->capture = Replica(ca_file);
    Connect(installation_->capture->address());
  }
  std::unique_ptr<Hosted> Replica(const std::string& ca_file = "") {
    app::Config config = installation_->ConfigOf("capture");
    config.pipeline_target = installation_->pipeline->address();
    config.options["secrets-dir"] = secrets_.path().string();
    config.options["mail-ca-file"] = ca_file;
    return std::make_unique<Hosted>(capture::Bind, config);
  }

  TempDir secrets_;
};

TEST_F(MailboxTest, DefaultsAreFilledInAndFieldsChecked) {
  capture::v1::CreateMailboxRequest request = Request("sales");
  request.mutable_mailbox()->set_host("imap.example.com");
  EXPECT_EQ(ReasonOf(Capture<Mailbox>("MailService/CreateMailbox", request).status()), "INVALID_FIELD");
  request.mutable_mailbox()->clear_tls();
  request.mutable_mailbox()->clear_poll_seconds();
  request.mutable_mailbox()->set_disabled(true);
  const Mailbox mailbox = Create(request);
  EXPECT_EQ(mailbox.name(), "mailboxes/sales");
  EXPECT_EQ(mailbox.tls(), Mailbox::TLS_IMPLICIT);
  EXPECT_EQ(mailbox.port(), 993);
  EXPECT_EQ(mailbox.folder(), "INBOX");
  EXPECT_EQ(mailbox.poll_seconds(), 60);
  for (const char* file : {"../password", "/etc/passwd", ".hidden", ""}) {
    request.mutable_mailbox()->set_password_file(file);
    EXPECT_EQ(Capture<Mailbox>("MailService/CreateMailbox", request).status().code(),
              absl::StatusCode::kInvalidArgument)
        << file;
  }
  capture::v1::UpdateMailboxRequest update;
  update.mutable_mailbox()->set_name(mailbox.name());
  update.mutable_mailbox()->set_folder("Leads");
  update.mutable_mailbox()->set_etag(mailbox.etag());
  update.mutable_update_mask()->add_paths("folder");
  const auto updated = Capture<Mailbox>("MailService/UpdateMailbox", update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->folder(), "Leads");
  EXPECT_EQ(ReasonOf(Capture<Mailbox>("MailService/UpdateMailbox", update).status()), "STALE_ETAG");
  capture::v1::ListMailboxesRequest list;
  EXPECT_EQ(Capture<capture::v1::ListMailboxesResponse>("MailService/ListMailboxes", list)->mailboxes_size(), 1);
  admin_.roles = {type::v1::ROLE_MANAGER};
  capture::v1::DeleteMailboxRequest remove;
  remove.set_name(mailbox.name());
  EXPECT_EQ(ReasonOf(Capture<Mailbox>("MailService/DeleteMailbox", remove).status()), "ROLE_REQUIRED");
  admin_.roles = {type::v1::ROLE_ADMIN};
  admin_.tenant = "another";
  EXPECT_EQ(Capture<Mailbox>("MailService/DeleteMailbox", remove).status().code(), absl::StatusCode::kNotFound);
  admin_.tenant = tenant_;
  EXPECT_TRUE(Capture<Mailbox>("MailService/DeleteMailbox", remove).ok());
}

TEST_F(MailboxTest, SettingsAreThereFromTheStartAndChangeFieldByField) {
  capture::v1::GetMailSettingsRequest get;
  get.set_name("mailSettings/default");
  const auto before = Capture<MailSettings>("MailService/GetMailSettings", get);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->catch_all(), MailSettings::CATCH_ALL_NEW_LEAD);
  EXPECT_EQ(before->inbox(), "inbox");
  const MailSettings set = SetMail("Acme.Test", MailSettings::CATCH_ALL_REJECT, {"Us@Acme.test"});
  EXPECT_EQ(set.mail_domain(), "acme.test");
  EXPECT_EQ(set.own_addresses(0), "us@acme.test");
  capture::v1::UpdateMailSettingsRequest update;
  update.mutable_mail_settings()->set_name("mailSettings/default");
  update.mutable_mail_settings()->set_inbox("reply");
  update.mutable_update_mask()->add_paths("inbox");
  const auto after = Capture<MailSettings>("MailService/UpdateMailSettings", update);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->inbox(), "reply");
  EXPECT_EQ(after->mail_domain(), "acme.test");
  update.mutable_mail_settings()->set_mail_domain("no domain");
  update.mutable_update_mask()->add_paths("mail_domain");
  EXPECT_EQ(ReasonOf(Capture<MailSettings>("MailService/UpdateMailSettings", update).status()), "INVALID_FIELD");
  get.set_name("mailSettings/other");
  EXPECT_EQ(Capture<MailSettings>("MailService/GetMailSettings", get).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(MailboxTest, UnseenMailsBecomeLeadsAndAreSeenOnlyThen) {
  Dovecot dovecot;
  StartWithPassword("secret");
  dovecot.Deliver("sales", Mail("1@example.com", "", "I want an engine."));
  std::string other = Mail("2@example.com", "", "I want a loom.");
  other.replace(other.find("ada@"), 4, "eva@");
  dovecot.Deliver("sales", other);
  capture::v1::CreateMailboxRequest request = Request("sales");
  request.mutable_mailbox()->set_port(dovecot.port());
  const std::string name = Create(request).name();
  ASSERT_TRUE(Eventually([&] { return Get(name).received_count() == 2; })) << Get(name).DebugString() << dovecot.Log();
  EXPECT_THAT(ListLeads(), SizeIs(2));
  EXPECT_EQ(Get(name).state(), Mailbox::STATE_OK);
  EXPECT_EQ(dovecot.Count("sales", "", /*seen_only=*/true), 2);
  // What was seen is not looked at again; what comes later is.
  dovecot.Deliver("sales", Mail("3@example.com", "In-Reply-To: <1@example.com>\r\n", "Two of them."));
  ASSERT_TRUE(Eventually([&] { return Get(name).received_count() == 3; })) << Get(name).DebugString();
  EXPECT_THAT(ListLeads(), SizeIs(2));
  EXPECT_EQ(dovecot.Count("sales", "", /*seen_only=*/true), 3);
}

TEST_F(MailboxTest, MailsMoveToAnotherFolderOnceTheyAreStored) {
  Dovecot dovecot;
  StartWithPassword("secret");
  dovecot.Deliver("moved", Mail("1@example.com", "", "I want an engine."));
  capture::v1::CreateMailboxRequest request = Request("moved");
  request.mutable_mailbox()->set_port(dovecot.port());
  request.mutable_mailbox()->set_done_folder("Done");
  const std::string name = Create(request).name();
  ASSERT_TRUE(Eventually([&] { return Get(name).received_count() == 1; })) << Get(name).DebugString() << dovecot.Log();
  EXPECT_EQ(dovecot.Count("moved", "", /*seen_only=*/false), 0);
  EXPECT_EQ(dovecot.Count("moved", ".Done", /*seen_only=*/true), 1);
}

TEST_F(MailboxTest, MailsAreFetchedByTlsFromAServerWhoseCertificateIsKnown) {
  Dovecot dovecot(/*tls=*/true);
  StartWithPassword("secret", dovecot.certificate());
  const auto fetch = [&](const std::string& user, Mailbox::Tls tls, int port) {
    std::string mail = Mail(user + "@example.com", "", "I want an engine.");
    mail.replace(mail.find("ada@"), 3, user);
    dovecot.Deliver(user, mail);
    capture::v1::CreateMailboxRequest request = Request(user);
    request.mutable_mailbox()->set_tls(tls);
    request.mutable_mailbox()->set_port(port);
    const std::string name = Create(request).name();
    EXPECT_TRUE(Eventually([&] { return Get(name).received_count() == 1; }))
        << Get(name).DebugString() << dovecot.Log();
    EXPECT_EQ(dovecot.Count(user, "", /*seen_only=*/true), 1);
  };
  fetch("implicit", Mailbox::TLS_IMPLICIT, dovecot.tls_port());
  fetch("starttls", Mailbox::TLS_STARTTLS, dovecot.port());
  EXPECT_THAT(ListLeads(), SizeIs(2));
}

TEST_F(MailboxTest, NobodyLogsInWhereTheServerIsNotWhoItShouldBe) {
  Dovecot stranger(/*tls=*/true);
  const Dovecot plain;
  // Only the machine's authorities are believed, of which this one is none.
  StartWithPassword("secret");
  const auto fails = [&](const std::string& user, Mailbox::Tls tls, int port) {
    capture::v1::CreateMailboxRequest request = Request(user);
    request.mutable_mailbox()->set_tls(tls);
    request.mutable_mailbox()->set_port(port);
    const std::string name = Create(request).name();
    EXPECT_TRUE(Eventually([&] { return Get(name).state() == Mailbox::STATE_FAILING; })) << Get(name).DebugString();
    return Get(name).last_error();
  };
  stranger.Deliver("implicit", Mail("1@example.com", "", "I want an engine."));
  stranger.Deliver("starttls", Mail("2@example.com", "", "I want a loom."));
  EXPECT_THAT(fails("implicit", Mailbox::TLS_IMPLICIT, stranger.tls_port()), HasSubstr("IMAP_CONNECT"));
  EXPECT_THAT(fails("starttls", Mailbox::TLS_STARTTLS, stranger.port()), HasSubstr("IMAP_CONNECT"));
  // A server that offers no TLS, or somebody between who takes the offer away, gets no password.
  EXPECT_THAT(fails("stripped", Mailbox::TLS_STARTTLS, plain.port()), HasSubstr("IMAP_CONNECT"));
  for (const char* user : {"implicit", "starttls", "stripped"}) {
    const std::string login = std::string("Login: user=<") + user;
    EXPECT_THAT(stranger.Log() + plain.Log(), ::testing::Not(HasSubstr(login)));
  }
  EXPECT_THAT(ListLeads(), SizeIs(0));
}

TEST_F(MailboxTest, TwoReplicasTakeEachMailOnce) {
  constexpr int kMails = 40;
  Dovecot dovecot;
  for (int i = 0; i < kMails; ++i) {
    std::string mail = Mail(std::to_string(i) + "@example.com", "", "I want " + std::to_string(i) + " engines.");
    mail.replace(mail.find("ada@"), 3, "ada" + std::to_string(i));
    dovecot.Deliver("shared", mail);
  }
  StartWithPassword("secret");
  const auto other = Replica();
  capture::v1::CreateMailboxRequest request = Request("shared");
  request.mutable_mailbox()->set_port(dovecot.port());
  const std::string name = Create(request).name();
  ASSERT_TRUE(Eventually([&] { return dovecot.Count("shared", "", /*seen_only=*/true) == kMails; }))
      << Get(name).DebugString() << dovecot.Log();
  // Those that come while both look at it.
  for (int i = kMails; i < 2 * kMails; ++i) {
    std::string mail = Mail(std::to_string(i) + "@example.com", "", "I want " + std::to_string(i) + " engines.");
    mail.replace(mail.find("ada@"), 3, "ada" + std::to_string(i));
    dovecot.Deliver("shared", mail);
  }
  ASSERT_TRUE(Eventually([&] { return Get(name).received_count() == 2 * kMails; })) << Get(name).DebugString();
  EXPECT_THAT(ListLeads(), SizeIs(2 * kMails));
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission WHERE tenant_id = $1"), 2 * kMails);
  EXPECT_EQ(CountRows("SELECT count(*) FROM pipeline.message WHERE tenant_id = $1 AND type = 'EMAIL_IN'"), 2 * kMails);
}

TEST_F(MailboxTest, AMailboxThatCantBeReadSaysWhyAndRecovers) {
  Dovecot dovecot;
  StartWithPassword("wrong");
  dovecot.Deliver("sales", Mail("1@example.com", "", "I want an engine."));
  capture::v1::CreateMailboxRequest request = Request("sales");
  request.mutable_mailbox()->set_port(dovecot.port());
  const std::string name = Create(request).name();
  ASSERT_TRUE(Eventually([&] { return Get(name).state() == Mailbox::STATE_FAILING; }));
  EXPECT_THAT(Get(name).last_error(), HasSubstr("IMAP_LOGIN"));
  EXPECT_THAT(Get(name).DebugString(), ::testing::Not(HasSubstr("wrong")));
  std::ofstream(secrets_.path() / tenant_ / "password") << "secret";
  ASSERT_TRUE(Eventually([&] { return Get(name).state() == Mailbox::STATE_OK; })) << Get(name).DebugString();
  EXPECT_EQ(Get(name).last_error(), "");
  EXPECT_THAT(ListLeads(), SizeIs(1));
}

}  // namespace
}  // namespace embudo::testing
