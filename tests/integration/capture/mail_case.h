#pragma once

#include <string>
#include <vector>

#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {

using capture::v1::InboundEmail;
using capture::v1::Mailbox;
using capture::v1::MailSettings;
using capture::v1::ReceiveMailResponse;
using type::v1::Message;

/// Mails go in, and what they come to is looked at.
class MailTest : public CaptureTest {
 protected:
  static std::string Mail(const std::string& id, const std::string& headers, const std::string& text) {
    return "From: Ada Lovelace <ada@example.com>\r\nTo: hello@acme.test\r\nSubject: Engines\r\nDate: Thu, 26 Nov 2026 "
           "09:00:00 +0100\r\nMessage-ID: <" +
           id + ">\r\n" + headers + "\r\n" + text;
  }

  absl::StatusOr<ReceiveMailResponse> TryReceive(const std::string& mail,
                                                 const std::vector<std::string>& recipients = {}) {
    const auto stream = capture_->Stream("embudo.capture.v1.MailService/ReceiveMail", admin_);
    capture::v1::ReceiveMailRequest request;
    request.mutable_recipients()->Assign(recipients.begin(), recipients.end());
    for (size_t at = 0; at == 0 || at < mail.size(); at += 500000) {
      request.set_content(mail.substr(at, 500000));
      if (!stream->Write(request)) break;
      request.Clear();
    }
    stream->WritesDone();
    ReceiveMailResponse response;
    stream->Read(&response);
    const absl::Status status = stream->Finish();
    if (!status.ok()) return status;
    return response;
  }
  ReceiveMailResponse Receive(const std::string& mail, const std::vector<std::string>& recipients = {}) {
    const auto response = TryReceive(mail, recipients);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : ReceiveMailResponse();
  }

  Message GetMessage(const std::string& name) {
    pipeline::v1::GetMessageRequest request;
    request.set_name(name);
    return Pipeline<Message>("MessageService/GetMessage", request);
  }
  /// A lead with a mail that went out to it.
  Message SentMail() {
    pipeline::v1::CreateLeadRequest create;
    create.mutable_lead()->set_display_name("Looms");
    create.mutable_lead()->set_email("joseph@example.com");
    const std::string lead = Pipeline<Lead>("LeadService/CreateLead", create).name();
    pipeline::v1::SendEmailRequest request;
    request.set_parent(lead);
    request.set_subject("Our offer");
    request.set_body("Twelve looms.");
    return Pipeline<Message>("MessageService/SendEmail", request);
  }
  std::string TeamWithAlias(const std::string& id, const std::string& alias) {
    pipeline::v1::CreateTeamRequest request;
    request.mutable_team()->set_display_name(id);
    request.mutable_team()->set_pipeline("pipelines/default");
    request.mutable_team()->set_alias(alias);
    request.set_team_id(id);
    return Pipeline<type::v1::Team>("TeamService/CreateTeam", request).name();
  }
  MailSettings SetMail(const std::string& domain, MailSettings::CatchAll catch_all,
                       const std::vector<std::string>& own = {}) {
    capture::v1::UpdateMailSettingsRequest request;
    request.mutable_mail_settings()->set_name("mailSettings/default");
    request.mutable_mail_settings()->set_mail_domain(domain);
    request.mutable_mail_settings()->set_catch_all(catch_all);
    request.mutable_mail_settings()->mutable_own_addresses()->Assign(own.begin(), own.end());
    for (const char* path : {"mail_domain", "catch_all", "own_addresses"}) {
      request.mutable_update_mask()->add_paths(path);
    }
    const auto settings = Capture<MailSettings>("MailService/UpdateMailSettings", request);
    EXPECT_TRUE(settings.ok()) << settings.status();
    return settings.ok() ? *settings : MailSettings();
  }
};

}  // namespace embudo::testing
