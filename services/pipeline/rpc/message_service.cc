#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/text/email.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/type/v1/attachment.pb.h"
#include "services/pipeline/logic/message_rules.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using Entry = type::v1::Message;

// Anybody whom a mail would reach, or the lead's company, who wants none.
constexpr char kDoNotContact[] =
    "SELECT contact_id FROM pipeline.contact WHERE tenant_id = $1 AND do_not_contact AND delete_time IS NULL"
    " AND (contact_id = ANY($2::uuid[]) OR email = ANY($3::text[]) OR other_emails && $3::text[]) LIMIT 1";

bool IsService(const CallContext& call) { return call.identity.Has(type::v1::ROLE_SERVICE); }

absl::Status CreateMessage(Records& records, const CallContext& call, const v1::CreateMessageRequest& request,
                           Entry& response) {
  EMBUDO_RETURN_IF_ERROR(logic::CheckMayCreate(request.message(), IsService(call)));
  const absl::Status status = records.messages().Create(call, request, response);
  // Of two that take one mail in at the same moment, the second is told of the first all the same.
  if (status.code() == absl::StatusCode::kAlreadyExists) EMBUDO_RETURN_IF_ERROR(records.CheckNewMail(call, response));
  return status;
}

// Whether the caller may change what was said: its author, an administrator, and services what has no author.
absl::Status CheckAuthor(const CallContext& call, const Entry& message) {
  const bool own = message.author().empty() ? IsService(call) : message.author() == call.identity.actor;
  if (own || call.identity.Has(type::v1::ROLE_ADMIN)) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "NOT_THE_AUTHOR",
               message.name() + ": only its author and administrators may change it")
      .Meta("message", message.name());
}

absl::Status UpdateMessage(Records& records, const CallContext& call, const v1::UpdateMessageRequest& request,
                           Entry& response) {
  const auto record = records.messages().Load(call, request.message().name());
  if (record.ok()) {
    const auto& message = static_cast<const Entry&>(*record->message);
    EMBUDO_RETURN_IF_ERROR(logic::CheckEditable(message));
    EMBUDO_RETURN_IF_ERROR(CheckAuthor(call, message));
  } else if (request.allow_missing()) {
    EMBUDO_RETURN_IF_ERROR(logic::CheckMayCreate(request.message(), IsService(call)));
  }
  return records.messages().Update(call, request, response);
}

absl::Status DeleteMessage(Records& records, const CallContext& call, const v1::DeleteMessageRequest& request,
                           Entry& response) {
  const auto record = records.messages().Load(call, request.name());
  if (record.ok()) {
    const auto& message = static_cast<const Entry&>(*record->message);
    EMBUDO_RETURN_IF_ERROR(logic::CheckDeletable(message));
    EMBUDO_RETURN_IF_ERROR(CheckAuthor(call, message));
  }
  return records.messages().Delete(call, request, response);
}

// --- mails to customers ---

absl::StatusOr<std::vector<std::string>> Normalised(const google::protobuf::RepeatedPtrField<std::string>& addresses,
                                                    const std::string& field) {
  std::vector<std::string> out;
  for (int i = 0; i < addresses.size(); ++i) {
    const auto address = text::NormaliseEmail(addresses[i]);
    if (!address.ok()) return InvalidField(field + "[" + std::to_string(i) + "]", MessageOf(address.status()));
    if (std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  return out;
}

absl::Status FillAddresses(const v1::SendEmailRequest& request, const type::v1::Lead& lead, Entry& mail) {
  EMBUDO_ASSIGN_OR_RETURN(std::vector<std::string> to, Normalised(request.to_addresses(), "to_addresses"));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> cc, Normalised(request.cc_addresses(), "cc_addresses"));
  if (to.empty() && lead.email().empty()) {
    return InvalidField("to_addresses", "is required, since the lead has no mail address");
  }
  if (to.empty()) to.push_back(lead.email());
  mail.mutable_to_addresses()->Assign(to.begin(), to.end());
  mail.mutable_cc_addresses()->Assign(cc.begin(), cc.end());
  return absl::OkStatus();
}

absl::Status CheckMayContact(Records& records, const CallContext& call, const type::v1::Lead& lead, const Entry& mail) {
  std::vector<std::string> contacts;
  for (const std::string& name : {lead.contact(), lead.company()}) {
    if (!name.empty()) contacts.push_back(name.substr(name.find('/') + 1));
  }
  std::vector<std::string> addresses(mail.to_addresses().begin(), mail.to_addresses().end());
  addresses.insert(addresses.end(), mail.cc_addresses().begin(), mail.cc_addresses().end());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline, kDoNotContact,
                                                          db::Params::Of(call.tenant(), contacts, addresses)));
  if (rows.empty()) return absl::OkStatus();
  const std::string contact = "contacts/" + std::string(rows[0].Text(0));
  return Error(absl::StatusCode::kFailedPrecondition, "DO_NOT_CONTACT", contact + " must not be contacted")
      .Meta("contact", contact)
      .Violation("DO_NOT_CONTACT", contact, "must not be contacted");
}

absl::Status FillInReplyTo(Records& records, const CallContext& call, const std::string& name, Entry& mail) {
  if (name.empty()) return absl::OkStatus();
  const auto record = records.messages().Load(call, name);
  if (!record.ok() || Records::LeadOf(name) != Records::LeadOf(mail.name())) {
    return InvalidField("in_reply_to", "the lead has no " + name);
  }
  const auto& answered = static_cast<const Entry&>(*record->message);
  if (answered.internet_message_id().empty()) return InvalidField("in_reply_to", name + " is no mail");
  mail.set_in_reply_to(answered.internet_message_id());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Entry>> MakeMail(Records& records, const CallContext& call,
                                                const v1::SendEmailRequest& request) {
  const std::string id =
      request.message_id().empty() ? Uuid::V7(records.clock().Now()).ToString() : request.message_id();
  auto mail = std::make_unique<Entry>();
  mail->set_name(request.parent() + "/messages/" + id);
  mail->set_type(Entry::TYPE_EMAIL_OUT);
  mail->set_delivery_state(Entry::DELIVERY_STATE_QUEUED);
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Lead lead, records.PlaceUnderLead(call, /*edits=*/true, *mail));
  // For ever that mail's, however often it is handed to a mail server.
  mail->set_internet_message_id(id + "@" + call.tenant() + ".embudo");
  mail->set_subject(request.subject());
  mail->set_body(request.body());
  mail->set_html_body(request.html_body());
  mail->set_template_(request.template_());
  *mail->mutable_attachments() = request.attachments();
  EMBUDO_RETURN_IF_ERROR(records.CheckAttachments(call, *mail, "attachments"));
  EMBUDO_RETURN_IF_ERROR(FillInReplyTo(records, call, request.in_reply_to(), *mail));
  EMBUDO_RETURN_IF_ERROR(FillAddresses(request, lead, *mail));
  EMBUDO_RETURN_IF_ERROR(CheckMayContact(records, call, lead, *mail));
  return mail;
}

absl::Status SendEmail(Records& records, const CallContext& call, const v1::SendEmailRequest& request,
                       Entry& response) {
  static const ResourcePattern kLead("leads/{lead}");
  EMBUDO_RETURN_IF_ERROR(ParseName(kLead, request.parent(), "parent").status());
  auto mail = MakeMail(records, call, request);
  if (!mail.ok()) return records.messages().FirstAnswerOr(call, request, mail.status(), response);
  return records.messages().WriteNew(call, *std::move(mail), request, response);
}

absl::Status RecordDelivery(Records& records, const CallContext& call, const v1::RecordDeliveryRequest& request,
                            Entry& response) {
  return records.messages().Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_MESSAGE_UPDATED,
      [&](Message& record, resource::Effects&) {
        return logic::RecordDelivery(request.delivery_state(), request.delivery_error(), static_cast<Entry&>(record));
      },
      response);
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeMessageService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetMessageRequest::descriptor()->file()->service(0));
  const auto serve = [&]<class Request>(const char* method,
                                        absl::Status (*handler)(Records&, const CallContext&, const Request&, Entry&)) {
    service->UnaryAny(method, [&records, handler](const CallContext& call, const Message& request, Message& response) {
      return handler(records, call, static_cast<const Request&>(request), static_cast<Entry&>(response));
    });
  };
  serve("CreateMessage", CreateMessage);
  serve("UpdateMessage", UpdateMessage);
  serve("DeleteMessage", DeleteMessage);
  serve("SendEmail", SendEmail);
  serve("RecordDelivery", RecordDelivery);
  records.messages().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
