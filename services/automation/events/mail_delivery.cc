#include "services/automation/events/mail_delivery.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/automation/logic/mail.h"
#include "services/automation/storage/rules.h"
#include "services/automation/storage/templates.h"

namespace embudo::automation::events {
namespace {

namespace api = pipeline::v1;
using storage::HeldMail;
using type::v1::Lead;
using type::v1::Message;

constexpr std::chrono::seconds kCallTimeout{5};
constexpr std::chrono::seconds kDownloadTimeout{60};
constexpr std::chrono::seconds kStatementTimeout{5};
/// Mail servers commonly take 25 MiB, and base64 makes a third more of it.
constexpr size_t kMaxAttachedBytes = size_t{18} << 20;
constexpr int kMaxAncestors = 3;

constexpr char kGetMessage[] = "embudo.pipeline.v1.MessageService/GetMessage";
constexpr char kListMessages[] = "embudo.pipeline.v1.MessageService/ListMessages";
constexpr char kListContacts[] = "embudo.pipeline.v1.ContactService/ListContacts";
constexpr char kGetContact[] = "embudo.pipeline.v1.ContactService/GetContact";
constexpr char kGetUser[] = "embudo.pipeline.v1.TeamService/GetUser";
constexpr char kGetAttachment[] = "embudo.pipeline.v1.AttachmentService/GetAttachment";
constexpr char kDownload[] = "embudo.pipeline.v1.AttachmentService/DownloadAttachment";
constexpr char kMailSettings[] = "embudo.capture.v1.MailService/GetMailSettings";
constexpr char kReplyAddress[] = "embudo.capture.v1.MailService/GetReplyAddress";

/// The service itself, acting for the tenant because of what the mail answers.
rpc::Identity SelfFor(const HeldMail& held) {
  rpc::Identity identity;
  identity.tenant = held.tenant;
  identity.actor = "services/automation";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_AUTOMATION;
  identity.cause.set_event_id(held.mail.event_id());
  identity.cause.set_rule(held.mail.rule());
  identity.cause.set_depth(held.mail.depth());
  return identity;
}

absl::Status DoNotContact(const std::string& who) {
  return Error(absl::StatusCode::kFailedPrecondition, "DO_NOT_CONTACT", who + " must not be contacted")
      .Violation("DO_NOT_CONTACT", who, "must not be contacted");
}

std::vector<std::string> Receivers(const Message& message) {
  std::vector<std::string> all(message.to_addresses().begin(), message.to_addresses().end());
  for (const std::string& address : message.cc_addresses()) {
    if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
  }
  return all;
}

}  // namespace

absl::StatusOr<Message> MailDelivery::Write(const HeldMail& held) {
  const rpc::Identity self = SelfFor(held);
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, writer_.GetLead(self, held.mail.lead()));
  v1::MailTemplate source;
  std::string time_zone;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_ASSIGN_OR_RETURN(source, storage::GetTemplate(*lease, held.tenant, held.mail.template_()));
    EMBUDO_ASSIGN_OR_RETURN(time_zone, storage::TimeZoneOf(*lease, held.tenant));
  }
  EMBUDO_ASSIGN_OR_RETURN(mail::Rendered rendered,
                          writer_.Fill(self, source, lead, lead.owner(), held.mail.language(), time_zone));
  api::SendEmailRequest request;
  request.set_parent(lead.name());
  request.set_message_id(IdOf(held.mail.name()));
  *request.mutable_to_addresses() = held.mail.to_addresses();
  *request.mutable_cc_addresses() = held.mail.cc_addresses();
  request.set_subject(rendered.subject);
  request.set_body(rendered.text);
  request.set_html_body(rendered.html);
  request.set_template_(held.mail.template_());
  return writer_.Write(self, request);
}

absl::StatusOr<Message> MailDelivery::GetMessage(const HeldMail& held) {
  api::GetMessageRequest request;
  request.set_name(held.mail.message());
  return pipeline_.Call<Message>(kGetMessage, SelfFor(held), request, kCallTimeout);
}

absl::StatusOr<Parcel> MailDelivery::Pack(const HeldMail& held, const Message& message) {
  const rpc::Identity self = SelfFor(held);
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, writer_.GetLead(self, logic::LeadOfMessage(message.name())));
  EMBUDO_RETURN_IF_ERROR(CheckMayContact(self, lead, message));
  mail::Outgoing out;
  EMBUDO_RETURN_IF_ERROR(Address(self, lead, message, out));
  EMBUDO_RETURN_IF_ERROR(AddThread(self, message, out));
  EMBUDO_RETURN_IF_ERROR(AddUnsubscribeLink(self, held, lead, out));
  EMBUDO_RETURN_IF_ERROR(AddAttachments(self, message, out));
  out.subject = message.subject();
  out.text = message.body();
  out.html = message.html_body();
  out.message_id = message.internet_message_id();
  out.date = FromTimestamp(message.create_time());
  out.automatic = message.author().empty();
  // Bounces go to the sender of the envelope, and from there to the mail that bounced.
  return Parcel{out.reply_to.empty() ? out.from.address : out.reply_to, Receivers(message), mail::Compose(out)};
}

absl::Status MailDelivery::CheckMayContact(const rpc::Identity& self, const Lead& lead, const Message& message) {
  for (const std::string& name : {lead.contact(), lead.company()}) {
    if (name.empty()) continue;
    api::GetContactRequest request;
    request.set_name(name);
    const auto contact = pipeline_.Call<type::v1::Contact>(kGetContact, self, request, kCallTimeout);
    if (contact.ok() && contact->do_not_contact()) return DoNotContact(contact->name());
    if (!contact.ok() && contact.status().code() != absl::StatusCode::kNotFound) return contact.status();
  }
  api::ListContactsRequest list;
  list.set_page_size(1);
  std::string filter;
  for (const std::string& address : Receivers(message)) {
    if (address.find_first_of("\"\\") != std::string::npos || filter.size() > 3500) continue;
    filter += (filter.empty() ? "do_not_contact AND (email = \"" : " OR email = \"") + address + "\"";
  }
  if (filter.empty()) return absl::OkStatus();
  list.set_filter(filter + ")");
  EMBUDO_ASSIGN_OR_RETURN(const auto found,
                          pipeline_.Call<api::ListContactsResponse>(kListContacts, self, list, kCallTimeout));
  return found.contacts().empty() ? absl::OkStatus() : DoNotContact(found.contacts(0).name());
}

absl::Status MailDelivery::Address(const rpc::Identity& self, const Lead& lead, const Message& message,
                                   mail::Outgoing& out) {
  out.to.assign(message.to_addresses().begin(), message.to_addresses().end());
  out.cc.assign(message.cc_addresses().begin(), message.cc_addresses().end());
  capture::v1::GetMailSettingsRequest get_settings;
  get_settings.set_name("mailSettings/default");
  EMBUDO_ASSIGN_OR_RETURN(const auto settings,
                          capture_.Call<capture::v1::MailSettings>(kMailSettings, self, get_settings, kCallTimeout));
  out.from.address = settings.own_addresses_size() > 0 ? settings.own_addresses(0) : default_sender_;
  if (out.from.address.empty()) {
    return Error(absl::StatusCode::kUnavailable, "NO_SENDER", "nobody says what address mails come from");
  }
  const std::string& user = message.author().empty() ? lead.owner() : message.author();
  if (!user.empty()) {
    api::GetUserRequest get_user;
    get_user.set_name(user);
    const auto found = pipeline_.Call<type::v1::User>(kGetUser, self, get_user, kCallTimeout);
    if (found.ok()) out.from.name = found->display_name();
    if (!found.ok() && found.status().code() != absl::StatusCode::kNotFound) return found.status();
  }
  capture::v1::GetReplyAddressRequest get_reply;
  get_reply.set_lead(lead.name());
  const auto reply = capture_.Call<capture::v1::ReplyAddress>(kReplyAddress, self, get_reply, kCallTimeout);
  if (reply.ok()) {
    out.reply_to = reply->address();
  } else if (reply.status().code() != absl::StatusCode::kFailedPrecondition) {
    return reply.status();
  }
  return absl::OkStatus();
}

absl::Status MailDelivery::AddThread(const rpc::Identity& self, const Message& message, mail::Outgoing& out) {
  out.in_reply_to = message.in_reply_to();
  std::string next = message.in_reply_to();
  for (int i = 0; i < kMaxAncestors && !next.empty(); ++i) {
    out.references.insert(out.references.begin(), next);
    if (next.find_first_of("\"\\") != std::string::npos) break;
    api::ListMessagesRequest request;
    request.set_parent("leads/-");
    request.set_page_size(1);
    request.set_filter("internet_message_id = \"" + next + "\"");
    EMBUDO_ASSIGN_OR_RETURN(const auto found,
                            pipeline_.Call<api::ListMessagesResponse>(kListMessages, self, request, kCallTimeout));
    next = found.messages().empty() ? "" : found.messages(0).in_reply_to();
    if (std::find(out.references.begin(), out.references.end(), next) != out.references.end()) break;
  }
  return absl::OkStatus();
}

absl::Status MailDelivery::AddUnsubscribeLink(const rpc::Identity& self, const HeldMail& held, const Lead& lead,
                                              mail::Outgoing& out) {
  // What a person writes freely is no circular.
  if (held.mail.template_().empty()) return absl::OkStatus();
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    const auto source = storage::GetTemplate(*lease, held.tenant, held.mail.template_());
    if (source.ok() && source->transactional()) return absl::OkStatus();
    if (!source.ok() && source.status().code() != absl::StatusCode::kNotFound) return source.status();
  }
  EMBUDO_ASSIGN_OR_RETURN(out.unsubscribe_link, writer_.UnsubscribeLink(self, lead));
  return absl::OkStatus();
}

absl::Status MailDelivery::AddAttachments(const rpc::Identity& self, const Message& message, mail::Outgoing& out) {
  size_t total = 0;
  for (const std::string& name : message.attachments()) {
    api::GetAttachmentRequest get;
    get.set_name(name);
    EMBUDO_ASSIGN_OR_RETURN(const auto attachment,
                            pipeline_.Call<type::v1::Attachment>(kGetAttachment, self, get, kCallTimeout));
    mail::AttachedFile file{attachment.file_name(), attachment.content_type(), ""};
    const auto stream = pipeline_.Stream(kDownload, self, kDownloadTimeout);
    api::DownloadAttachmentRequest download;
    download.set_name(name);
    stream->Write(download);
    stream->WritesDone();
    api::DownloadAttachmentResponse part;
    while (total <= kMaxAttachedBytes && stream->Read(&part)) {
      file.bytes += part.content();
      total += part.content().size();
    }
    if (total > kMaxAttachedBytes) {
      stream->Cancel();
      stream->Finish().IgnoreError();
      return Error(absl::StatusCode::kFailedPrecondition, "ATTACHMENTS_TOO_LARGE",
                   "the attachments come to more than " + std::to_string(kMaxAttachedBytes >> 20) + " MiB");
    }
    EMBUDO_RETURN_IF_ERROR(stream->Finish());
    out.attachments.push_back(std::move(file));
  }
  return absl::OkStatus();
}

absl::Status MailDelivery::Tell(const HeldMail& held) { return writer_.Tell(SelfFor(held), held.mail); }

}  // namespace embudo::automation::events
