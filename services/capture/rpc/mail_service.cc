#include "services/capture/rpc/mail_service.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "common/text/email.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/capture/mail/message.h"
#include "services/capture/mail/token.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using v1::Mailbox;
using v1::MailSettings;

/// A mail on the wire has no deadline of its own; dealing with it has.
constexpr std::chrono::seconds kTimeout{60};

absl::StatusOr<v1::ReceiveMailResponse> ReceiveMail(MailRoom& room, const CallContext& call,
                                                    const embudo::rpc::MessageReader& next) {
  std::vector<std::string> recipients;
  std::string content;
  for (bool first = true;; first = false) {
    EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<Message> message, next());
    if (message == nullptr) break;
    const auto& request = static_cast<const v1::ReceiveMailRequest&>(*message);
    if (first) {
      recipients.assign(request.recipients().begin(), request.recipients().end());
    } else if (request.recipients_size() > 0) {
      return InvalidField("recipients", "is for the first message");
    }
    content += request.content();
    // Receive tells why; nothing more of it is read.
    if (content.size() > mail::kMaxMailBytes) break;
  }
  const events::Bringer who{call.tenant(), call.identity, std::min(call.deadline, db::After(kTimeout))};
  return room.gateway.Receive(who, recipients, content);
}

absl::Status CheckSettingsName(const std::string& name) {
  if (name == storage::kMailSettings) return absl::OkStatus();
  return NotFound("embudo.dev/MailSettings", name);
}

absl::Status GetMailSettings(MailRoom& room, const CallContext& call, const v1::GetMailSettingsRequest& request,
                             MailSettings& response) {
  EMBUDO_RETURN_IF_ERROR(CheckSettingsName(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(response, room.mail.Settings(call.tenant(), call.deadline));
  return absl::OkStatus();
}

absl::Status UpdateMailSettings(MailRoom& room, const CallContext& call, const v1::UpdateMailSettingsRequest& request,
                                MailSettings& response) {
  EMBUDO_RETURN_IF_ERROR(CheckSettingsName(request.mail_settings().name()));
  v1::UpdateMailSettingsRequest always = request;
  always.set_allow_missing(true);
  return room.mail_settings.Update(call, always, response);
}

absl::StatusOr<v1::ReplyAddress> GetReplyAddress(MailRoom& room, const CallContext& call,
                                                 const v1::GetReplyAddressRequest& request) {
  pipeline::v1::GetLeadRequest get;
  get.set_name(request.lead());
  // With the caller's own eyes.
  EMBUDO_ASSIGN_OR_RETURN(const auto lead, room.pipeline.Call<type::v1::Lead>("embudo.pipeline.v1.LeadService/GetLead",
                                                                              call.identity, get));
  EMBUDO_ASSIGN_OR_RETURN(const MailSettings settings, room.mail.Settings(call.tenant(), call.deadline));
  if (settings.mail_domain().empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_MAIL_DOMAIN", "the mail settings name no domain")
        .Violation("NO_MAIL_DOMAIN", storage::kMailSettings, "names no domain");
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::string secret, room.mail.TokenSecret(call.tenant(), call.deadline));
  v1::ReplyAddress response;
  response.set_address(settings.inbox() + "+" + mail::LeadToken(secret, IdOf(lead.name())) + "@" +
                       settings.mail_domain());
  return response;
}

absl::Status UpdateMailbox(MailRoom& room, const CallContext& call, const v1::UpdateMailboxRequest& request,
                           Mailbox& response) {
  EMBUDO_RETURN_IF_ERROR(room.mailboxes.Update(call, request, response));
  if (request.validate_only()) return absl::OkStatus();
  return room.mail.PollSoon(call.tenant(), IdOf(response.name()), call.deadline);
}

absl::Status PrepareMailbox(const CallContext&, Message& after, const Message*) {
  auto& mailbox = static_cast<Mailbox&>(after);
  if (mailbox.has_delete_time()) return absl::OkStatus();
  if (mailbox.tls() == Mailbox::TLS_UNSPECIFIED) mailbox.set_tls(Mailbox::TLS_IMPLICIT);
  if (mailbox.port() == 0) mailbox.set_port(mailbox.tls() == Mailbox::TLS_IMPLICIT ? 993 : 143);
  if (mailbox.folder().empty()) mailbox.set_folder("INBOX");
  if (mailbox.poll_seconds() == 0) mailbox.set_poll_seconds(60);
  const std::string& host = mailbox.host();
  const bool here = host == "127.0.0.1" || host == "::1" || host == "localhost";
  if (mailbox.tls() == Mailbox::TLS_NONE && !here) {
    return InvalidField("mailbox.tls", "is required for a server on another machine");
  }
  return absl::OkStatus();
}

absl::Status PrepareMailSettings(const CallContext&, Message& after, const Message*) {
  auto& settings = static_cast<MailSettings&>(after);
  if (!settings.mail_domain().empty()) {
    const std::string domain = text::NormaliseDomain(settings.mail_domain());
    if (domain.empty()) return InvalidField("mail_settings.mail_domain", "is no domain");
    settings.set_mail_domain(domain);
  }
  for (int i = 0; i < settings.own_addresses_size(); ++i) {
    const auto address = text::NormaliseEmail(settings.own_addresses(i));
    if (!address.ok()) {
      return InvalidField("mail_settings.own_addresses[" + std::to_string(i) + "]", MessageOf(address.status()));
    }
    settings.set_own_addresses(i, *address);
  }
  if (settings.catch_all() == MailSettings::CATCH_ALL_UNSPECIFIED) {
    settings.set_catch_all(MailSettings::CATCH_ALL_NEW_LEAD);
  }
  if (settings.mailing_lists() == MailSettings::MAILING_LISTS_UNSPECIFIED) {
    settings.set_mailing_lists(MailSettings::MAILING_LISTS_IGNORE);
  }
  if (settings.inbox().empty()) settings.set_inbox("inbox");
  return absl::OkStatus();
}

}  // namespace

MailRoom::MailRoom(db::Pool& pool, resource::Writer& writer, events::Intake& an_intake, embudo::rpc::Client& client,
                   const Clock& clock, metrics::Registry& metrics)
    : intake(an_intake),
      pipeline(client),
      mail(pool),
      gateway(intake, mail, pipeline, metrics),
      mailboxes(storage::MailboxTable(), {.prepare = PrepareMailbox, .default_order = "create_time"}, pool, writer,
                clock),
      mail_settings(storage::MailSettingsTable(), {.prepare = PrepareMailSettings}, pool, writer, clock) {}

std::unique_ptr<embudo::rpc::Service> MakeMailService(MailRoom& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::ReceiveMailRequest::descriptor()->file()->service(0));
  service->ClientStream(
      "ReceiveMail",
      [&room](const CallContext& call, const embudo::rpc::MessageReader& next, Message& response) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(v1::ReceiveMailResponse answer, ReceiveMail(room, call, next));
        static_cast<v1::ReceiveMailResponse&>(response).Swap(&answer);
        return absl::OkStatus();
      });
  const auto serve = [&]<class Request, class Response>(
                         const char* method,
                         absl::Status (*handler)(MailRoom&, const CallContext&, const Request&, Response&)) {
    service->UnaryAny(method, [&room, handler](const CallContext& call, const Message& request, Message& response) {
      return handler(room, call, static_cast<const Request&>(request), static_cast<Response&>(response));
    });
  };
  serve("GetMailSettings", GetMailSettings);
  serve("UpdateMailSettings", UpdateMailSettings);
  serve("UpdateMailbox", UpdateMailbox);
  service->Unary<v1::GetReplyAddressRequest, v1::ReplyAddress>(
      "GetReplyAddress", [&room](const CallContext& call, const v1::GetReplyAddressRequest& request) {
        return GetReplyAddress(room, call, request);
      });
  room.mailboxes.Bind(*service);
  return service;
}

}  // namespace embudo::capture::rpc
