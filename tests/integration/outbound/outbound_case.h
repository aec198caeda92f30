#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/eventually.h"
#include "embudo/automation/v1/mail_service.pb.h"
#include "embudo/automation/v1/template_service.pb.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/automation/bind.h"
#include "services/automation/storage/migrations.h"
#include "services/capture/bind.h"
#include "services/capture/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "tests/integration/outbound/smtp_server.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

using automation::v1::Mail;
using automation::v1::MailTemplate;
using type::v1::Lead;
using type::v1::Message;

/// Pipeline, capture and automation, with a mail server that they send to, and a clock that the test moves. Each test
/// has a tenant of its own, with a user `ana`.
class OutboundCase : public ::testing::Test {
 protected:
  static void StartSuite(std::map<std::string, std::string> automation) {
    std::ofstream(secrets_->path() / "links") << "a secret that is long enough to sign links with\n";
    suite_ = std::make_unique<Suite>(std::vector<ServiceUnderTest>{
        {"pipeline", pipeline::Bind, &pipeline::storage::Migrations()},
        {"capture",
         capture::Bind,
         &capture::storage::Migrations(),
         {{"public-http-listen", ""},
          {"public-uri", "https://example.com"},
          {"link-secret-file", (secrets_->path() / "links").string()}}},
        {"automation", automation::Bind, &automation::storage::Migrations(), std::move(automation)}});
  }
  static void StopSuite() {
    suite_.reset();
    server_.reset();
  }

  void SetUp() override {
    pipeline::v1::CreateUserRequest create;
    create.set_user_id("ana");
    create.mutable_user()->set_display_name("Ana Pérez");
    create.mutable_user()->add_roles(type::v1::ROLE_REP);
    admin_.Must<type::v1::User>(create);
    capture::v1::UpdateMailSettingsRequest settings;
    settings.mutable_mail_settings()->set_name("mailSettings/default");
    settings.mutable_mail_settings()->set_mail_domain("acme.test");
    settings.mutable_mail_settings()->add_own_addresses("sales@acme.test");
    capture_.Must<capture::v1::MailSettings>(settings);
    ASSERT_TRUE(Eventually([&] { return Template("first-outreach").ok(); }));
  }

  absl::StatusOr<MailTemplate> Template(const std::string& id) {
    automation::v1::GetMailTemplateRequest get;
    get.set_name("mailTemplates/" + id);
    return automation_.Call<MailTemplate>(get);
  }
  MailTemplate MakeTemplate(const std::string& id, const std::string& subject, const std::string& text,
                            const std::string& html = "", bool transactional = true) {
    automation::v1::CreateMailTemplateRequest create;
    create.set_mail_template_id(id);
    create.mutable_mail_template()->set_display_name(id);
    create.mutable_mail_template()->set_subject(subject);
    create.mutable_mail_template()->set_text_body(text);
    create.mutable_mail_template()->set_html_body(html);
    create.mutable_mail_template()->set_transactional(transactional);
    return automation_.Must<MailTemplate>(create);
  }
  Lead MakeLead(const std::string& email, const std::string& contact = "") {
    pipeline::v1::CreateLeadRequest create;
    create.mutable_lead()->set_display_name("Ten looms");
    create.mutable_lead()->set_contact_name("Ada Lovelace");
    create.mutable_lead()->set_email(email);
    create.mutable_lead()->set_owner("users/ana");
    create.mutable_lead()->set_contact(contact);
    return admin_.Must<Lead>(create);
  }
  std::string MakeContact(const std::string& email) {
    pipeline::v1::CreateContactRequest create;
    create.mutable_contact()->set_display_name("Ada Lovelace");
    create.mutable_contact()->set_email(email);
    return admin_.Must<type::v1::Contact>(create).name();
  }
  automation::v1::SendMailRequest Sending(const std::string& lead, const std::string& id) {
    automation::v1::SendMailRequest send;
    send.set_lead(lead);
    send.set_template_("mailTemplates/" + id);
    return send;
  }
  Mail Send(const std::string& lead, const std::string& id) { return automation_.Must<Mail>(Sending(lead, id)); }
  Mail GetMail(const std::string& name) {
    automation::v1::GetMailRequest get;
    get.set_name(name);
    return automation_.Must<Mail>(get);
  }
  Message GetMessage(const std::string& name) {
    pipeline::v1::GetMessageRequest get;
    get.set_name(name);
    return admin_.Must<Message>(get);
  }
  std::vector<Message> Messages(const std::string& lead) {
    pipeline::v1::ListMessagesRequest list;
    list.set_parent(lead);
    const auto page = admin_.Must<pipeline::v1::ListMessagesResponse>(list);
    return {page.messages().begin(), page.messages().end()};
  }
  /// Waits until a mail is so, and its conversation has been told if it is over.
  Mail Await(const std::string& name, Mail::State state) {
    Mail mail;
    EXPECT_TRUE(Eventually([&] {
      mail = GetMail(name);
      return mail.state() == state &&
             (state == Mail::STATE_QUEUED ? mail.attempts() > 0 : !mail.has_next_attempt_time());
    })) << mail.ShortDebugString();
    return mail;
  }
  capture::v1::ReceiveMailResponse Receive(const std::string& mail) {
    const auto stream = capture_.Stream("embudo.capture.v1.MailService/ReceiveMail");
    capture::v1::ReceiveMailRequest request;
    request.set_content(mail);
    stream->Write(request);
    stream->WritesDone();
    capture::v1::ReceiveMailResponse response;
    stream->Read(&response);
    EXPECT_TRUE(stream->Finish().ok());
    return response;
  }

  static inline const std::unique_ptr<TempDir> secrets_ = std::make_unique<TempDir>();
  static inline std::unique_ptr<SmtpServer> server_;
  static inline std::unique_ptr<Suite> suite_;
  const std::string tenant_ = suite_->NewTenant();
  Caller admin_ = suite_->As(tenant_, type::v1::ROLE_ADMIN);
  Caller capture_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", "capture");
  Caller automation_ = suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/ana", "automation");
};

}  // namespace embudo::testing
