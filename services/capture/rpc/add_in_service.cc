#include <algorithm>

#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/markup/html.h"
#include "common/text/email.h"
#include "common/text/unicode.h"
#include "embudo/capture/v1/add_in_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "services/capture/events/mail_conversation.h"
#include "services/capture/mail/charset.h"
#include "services/capture/mail/fold.h"
#include "services/capture/mail/parse.h"
#include "services/capture/rpc/mail_service.h"

namespace embudo::capture::rpc {
namespace {

namespace api = pipeline::v1;
using embudo::rpc::CallContext;
using type::v1::Contact;
using type::v1::Lead;
using type::v1::Message;

constexpr int kLeads = 20;
constexpr int kMessages = 10;
/// Whose conversations are looked into.
constexpr int kConversations = 5;

// --- what is known of a sender ---

/// An address as a filter takes it; the language has no way to write a quote in quotes.
absl::StatusOr<std::string> AddressInFilter(const std::string& text) {
  const auto address = text::NormaliseEmail(text);
  if (!address.ok()) return InvalidField("address", MessageOf(address.status()));
  if (address->find_first_of("\"\\") != std::string::npos) return InvalidField("address", "has quotes in it");
  return "\"" + *address + "\"";
}

absl::Status FindContact(MailRoom& room, const CallContext& call, const std::string& address,
                         v1::LookUpSenderResponse& response) {
  api::ListContactsRequest list;
  list.set_page_size(1);
  list.set_filter("email = " + address + " OR other_emails:" + address);
  EMBUDO_ASSIGN_OR_RETURN(const auto contacts,
                          room.pipeline.Call<api::ListContactsResponse>(
                              "embudo.pipeline.v1.ContactService/ListContacts", call.identity, list));
  if (contacts.contacts_size() == 0) return absl::OkStatus();
  *response.mutable_contact() = contacts.contacts(0);
  if (response.contact().company().empty()) return absl::OkStatus();
  api::GetContactRequest get;
  get.set_name(response.contact().company());
  const auto company = room.pipeline.Call<Contact>("embudo.pipeline.v1.ContactService/GetContact", call.identity, get);
  if (company.ok()) *response.mutable_company() = *company;
  return company.status().code() == absl::StatusCode::kNotFound ? absl::OkStatus() : company.status();
}

absl::Status FindLeads(MailRoom& room, const CallContext& call, const std::string& address,
                       v1::LookUpSenderResponse& response) {
  api::ListLeadsRequest list;
  list.set_page_size(kLeads);
  list.set_order_by("update_time desc");
  std::string whose = "email = " + address;
  if (response.has_contact()) whose = "(" + whose + " OR contact = \"" + response.contact().name() + "\")";
  list.set_filter(whose + " AND state = OPEN");
  EMBUDO_ASSIGN_OR_RETURN(const auto leads, room.pipeline.Call<api::ListLeadsResponse>(
                                                "embudo.pipeline.v1.LeadService/ListLeads", call.identity, list));
  *response.mutable_open_leads() = leads.leads();
  return absl::OkStatus();
}

absl::Status FindMessages(MailRoom& room, const CallContext& call, v1::LookUpSenderResponse& response) {
  std::vector<Message> messages;
  for (int i = 0; i < std::min(response.open_leads_size(), kConversations); ++i) {
    api::ListMessagesRequest list;
    list.set_parent(response.open_leads(i).name());
    list.set_page_size(kMessages);
    list.set_order_by("create_time desc");
    EMBUDO_ASSIGN_OR_RETURN(
        const auto page, room.pipeline.Call<api::ListMessagesResponse>("embudo.pipeline.v1.MessageService/ListMessages",
                                                                       call.identity, list));
    messages.insert(messages.end(), page.messages().begin(), page.messages().end());
  }
  std::sort(messages.begin(), messages.end(), [](const Message& a, const Message& b) {
    return FromTimestamp(a.create_time()) > FromTimestamp(b.create_time());
  });
  for (size_t i = 0; i < messages.size() && i < kMessages; ++i) *response.add_last_messages() = messages[i];
  return absl::OkStatus();
}

absl::StatusOr<v1::LookUpSenderResponse> LookUpSender(MailRoom& room, const CallContext& call,
                                                      const v1::LookUpSenderRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string address, AddressInFilter(request.address()));
  v1::LookUpSenderResponse response;
  EMBUDO_RETURN_IF_ERROR(FindContact(room, call, address, response));
  EMBUDO_RETURN_IF_ERROR(FindLeads(room, call, address, response));
  EMBUDO_RETURN_IF_ERROR(FindMessages(room, call, response));
  return response;
}

// --- mails that an add-in hands over ---

mail::Address AddressOf(const std::string& text) {
  const size_t open = text.rfind('<');
  const size_t close = text.rfind('>');
  if (open == std::string::npos || close == std::string::npos || close < open) return {"", text};
  std::string name = text.substr(0, open);
  const size_t first = name.find_first_not_of(" \"");
  name = first == std::string::npos ? "" : name.substr(first, name.find_last_not_of(" \"") - first + 1);
  return {name, text.substr(open + 1, close - open - 1)};
}

absl::StatusOr<mail::Mail> MailOf(const v1::AddInEmail& email) {
  if (email.has_raw() && !email.raw().empty()) return mail::Parse(email.raw());
  if (!email.has_fields()) return InvalidField("email", "the mail or its fields are required");
  const auto& fields = email.fields();
  mail::Mail mail;
  mail.message_id = fields.message_id();
  std::erase_if(mail.message_id, [](char c) { return c == '<' || c == '>' || c == ' '; });
  if (!fields.from().empty()) mail.from.push_back(AddressOf(fields.from()));
  for (const std::string& address : fields.to()) mail.to.push_back(AddressOf(address));
  for (const std::string& address : fields.cc()) mail.cc.push_back(AddressOf(address));
  mail.subject = fields.subject();
  const mail::Limits limits;
  markup::Html html = markup::ReadHtml(fields.html(), limits.html_bytes);
  mail.html = std::move(html.sanitised);
  mail.text = fields.text().empty() ? text::CutText(std::move(html.text), limits.text_characters)
                                    : mail::TextToUtf8(fields.text(), "utf-8");
  return mail;
}

/// What tells the mail from all others: the caller's own id for it, its Message-ID, or all of it.
std::string KeyOf(const mail::Mail& mail, const v1::AddInEmail& email, const std::string& request_id) {
  if (!request_id.empty()) return "request:" + request_id;
  if (!mail.message_id.empty()) return "log:" + mail.message_id;
  return "sha256:" + Sha256Hex(email.SerializeAsString());
}

/// Mails come into conversations by a service; it stays the caller who does it.
embudo::rpc::Identity ServiceFor(const CallContext& call) {
  embudo::rpc::Identity identity = call.identity;
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_CAPTURE;
  return identity;
}

/// Whoever may write into the conversation with the customer may log a mail there.
absl::Status CheckMayWrite(MailRoom& room, const CallContext& call, const std::string& lead) {
  api::CreateMessageRequest request;
  request.set_parent(lead);
  request.mutable_message()->set_type(Message::TYPE_CHAT);
  request.mutable_message()->set_body("-");
  request.set_validate_only(true);
  return room.pipeline.Call<Message>("embudo.pipeline.v1.MessageService/CreateMessage", call.identity, request)
      .status();
}

absl::StatusOr<Message> LogEmail(MailRoom& room, const CallContext& call, const v1::LogEmailRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const mail::Mail mail, MailOf(request.email()));
  EMBUDO_RETURN_IF_ERROR(CheckMayWrite(room, call, request.lead()));
  const embudo::rpc::Identity identity = ServiceFor(call);
  events::MailConversation conversation(room.pipeline, identity, KeyOf(mail, request.email(), request.request_id()));
  EMBUDO_ASSIGN_OR_RETURN(const std::string name,
                          conversation.Add(request.lead(), mail, mail::Fold(mail.text), /*automatic=*/false));
  api::GetMessageRequest get;
  get.set_name(name);
  // It may be there already, in the conversation of a lead that the caller does not see.
  return room.pipeline.Call<Message>("embudo.pipeline.v1.MessageService/GetMessage", call.identity, get);
}

absl::StatusOr<v1::CreateLeadFromEmailResponse> CreateLeadFromEmail(MailRoom& room, const CallContext& call,
                                                                    const v1::CreateLeadFromEmailRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const mail::Mail mail, MailOf(request.email()));
  const mail::Folded folded = mail::Fold(mail.text);
  v1::CaptureLeadRequest capture;
  capture.mutable_lead()->set_team(request.team());
  if (call.identity.actor.starts_with("users/")) capture.mutable_lead()->set_owner(call.identity.actor);
  auto& email = *capture.mutable_payload()->mutable_email();
  email.set_message_id(mail.message_id);
  if (mail.Sender() != nullptr) email.set_from(mail.Sender()->ToString());
  email.set_subject(mail.subject);
  email.set_text(folded.body);
  email.set_kind(v1::InboundEmail::KIND_NEW_LEAD);
  capture.set_request_id(request.request_id());
  const events::Bringer who{call.tenant(), call.identity, call.deadline};
  const events::Raw raw =
      request.email().raw().empty() ? events::Raw() : events::Raw{"message/rfc822", request.email().raw()};
  EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureLeadResponse taken, room.intake.Take(who, capture, raw));
  v1::CreateLeadFromEmailResponse response;
  response.set_lead(taken.lead());
  response.set_outcome(taken.outcome());
  response.set_submission(taken.submission());
  response.set_reason(taken.reason());
  if (taken.lead().empty()) return response;
  const embudo::rpc::Identity identity = ServiceFor(call);
  events::MailConversation conversation(room.pipeline, identity, KeyOf(mail, request.email(), request.request_id()));
  EMBUDO_ASSIGN_OR_RETURN(*response.mutable_message(),
                          conversation.Add(taken.lead(), mail, folded, /*automatic=*/false));
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeAddInService(MailRoom& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::LookUpSenderRequest::descriptor()->file()->service(0));
  service->Unary<v1::LookUpSenderRequest, v1::LookUpSenderResponse>(
      "LookUpSender", [&room](const CallContext& call, const v1::LookUpSenderRequest& request) {
        return LookUpSender(room, call, request);
      });
  service->Unary<v1::LogEmailRequest, Message>(
      "LogEmail",
      [&room](const CallContext& call, const v1::LogEmailRequest& request) { return LogEmail(room, call, request); });
  service->Unary<v1::CreateLeadFromEmailRequest, v1::CreateLeadFromEmailResponse>(
      "CreateLeadFromEmail", [&room](const CallContext& call, const v1::CreateLeadFromEmailRequest& request) {
        return CreateLeadFromEmail(room, call, request);
      });
  return service;
}

}  // namespace embudo::capture::rpc
