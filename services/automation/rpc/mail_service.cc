#include "services/automation/rpc/mail_service.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/mail.h"
#include "services/automation/storage/rules.h"
#include "services/automation/storage/tables.h"
#include "services/automation/storage/templates.h"

namespace embudo::automation {
namespace {

using google::protobuf::Message;
using rpc::CallContext;
using v1::Mail;

absl::Status Refused(const Mail& mail, const char* reason, const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, mail.name() + " " + why)
      .Meta("mail", mail.name())
      .Meta("state", Mail::State_Name(mail.state()))
      .Violation("STATE", mail.name(), why);
}

/// The same for the same request, so that one that is repeated writes no second mail.
Uuid IdFor(const CallContext& call, const v1::SendMailRequest& request, Time now) {
  if (request.request_id().empty()) return Uuid::V7(now);
  return Uuid::V5(EmbudoUuidSpace(), "send mail " + call.tenant() + " " + request.request_id());
}

}  // namespace

MailService::MailService(db::Pool& pool, resource::Writer& writer, events::MailWriter& mails, const Clock& clock,
                         std::function<void()> wake)
    : pool_(pool),
      writer_(mails),
      clock_(clock),
      wake_(std::move(wake)),
      mails_(storage::MailTable(), {.default_order = "create_time desc"}, pool, writer, clock) {}

std::unique_ptr<rpc::Service> MailService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetMailRequest::descriptor()->file()->service(0));
  const auto serve = [&]<class Request>(const char* method, absl::StatusOr<Mail> (MailService::*handler)(
                                                                const CallContext&, const Request&)) {
    service->Unary<Request, Mail>(method, [this, handler](const CallContext& call, const Request& request) {
      return (this->*handler)(call, request);
    });
  };
  serve("SendMail", &MailService::SendMail);
  serve("CancelMail", &MailService::CancelMail);
  serve("RetryMail", &MailService::RetryMail);
  mails_.Bind(*service);
  return service;
}

absl::StatusOr<pipeline::v1::SendEmailRequest> MailService::WriteFrom(const CallContext& call,
                                                                      const v1::SendMailRequest& request) {
  v1::MailTemplate source;
  std::string time_zone;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    EMBUDO_ASSIGN_OR_RETURN(source, storage::GetTemplate(*lease, call.tenant(), request.template_()));
    EMBUDO_ASSIGN_OR_RETURN(time_zone, storage::TimeZoneOf(*lease, call.tenant()));
  }
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Lead lead, writer_.GetLead(call.identity, request.lead()));
  const bool person = call.identity.actor.starts_with("users/");
  EMBUDO_ASSIGN_OR_RETURN(mail::Rendered rendered,
                          writer_.Fill(call.identity, source, lead, person ? call.identity.actor : lead.owner(),
                                       request.language(), time_zone));
  pipeline::v1::SendEmailRequest send;
  send.set_parent(lead.name());
  *send.mutable_to_addresses() = request.to_addresses();
  *send.mutable_cc_addresses() = request.cc_addresses();
  send.set_subject(std::move(rendered.subject));
  send.set_body(std::move(rendered.text));
  send.set_html_body(std::move(rendered.html));
  send.set_in_reply_to(request.in_reply_to());
  *send.mutable_attachments() = request.attachments();
  send.set_template_(request.template_());
  send.set_validate_only(request.validate_only());
  return send;
}

absl::StatusOr<Mail> MailService::SendMail(const CallContext& call, const v1::SendMailRequest& request) {
  Mail response;
  const absl::Status first = mails_.FirstAnswerOr(call, request, absl::NotFoundError("no answer yet"), response);
  if (first.ok()) return response;
  if (first.code() != absl::StatusCode::kNotFound) return first;
  const Time now = clock_.Now();
  const std::string id = IdFor(call, request, now).ToString();
  EMBUDO_ASSIGN_OR_RETURN(pipeline::v1::SendEmailRequest send, WriteFrom(call, request));
  send.set_message_id(id);
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Message message, writer_.Write(call.identity, send));
  auto mail = std::make_unique<Mail>();
  mail->set_name("mails/" + id);
  mail->set_state(Mail::STATE_QUEUED);
  logic::TakeOver(message, *mail);
  mail->set_template_(request.template_());
  mail->set_language(request.language());
  *mail->mutable_create_time() = *mail->mutable_update_time() = *mail->mutable_next_attempt_time() = ToTimestamp(now);
  absl::Status written = mails_.WriteNew(call, std::move(mail), request, response);
  if (written.code() == absl::StatusCode::kAlreadyExists) {
    // The log told of it sooner, or an earlier call wrote it and was cut off.
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, mails_.Load(call, "mails/" + id));
    return static_cast<const Mail&>(*record.message);
  }
  EMBUDO_RETURN_IF_ERROR(written);
  if (!request.validate_only()) wake_();
  return response;
}

absl::StatusOr<Mail> MailService::CancelMail(const CallContext& call, const v1::CancelMailRequest& request) {
  Mail response;
  EMBUDO_RETURN_IF_ERROR(mails_.Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_UNSPECIFIED,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        auto& mail = static_cast<Mail&>(record);
        if (mail.state() != Mail::STATE_QUEUED) return Refused(mail, "MAIL_NOT_WAITING", "does not wait to be sent");
        logic::EndMail(Mail::STATE_CANCELLED, "CANCELLED: called back by " + call.identity.actor, clock_.Now(), mail);
        return absl::OkStatus();
      },
      response));
  // By who sends the mails, if this fails; without a mail server nobody does.
  if (!response.message().empty()) {
    const absl::Status told = writer_.Tell(events::IdentityOf(call.tenant()), response);
    if (!told.ok()) log::Warning("automation: a conversation was not told", {{"mail", response.name()}});
  }
  wake_();
  return response;
}

absl::StatusOr<Mail> MailService::RetryMail(const CallContext& call, const v1::RetryMailRequest& request) {
  Mail response;
  EMBUDO_RETURN_IF_ERROR(mails_.Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_UNSPECIFIED,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        auto& mail = static_cast<Mail&>(record);
        const bool over = mail.state() == Mail::STATE_FAILED || mail.state() == Mail::STATE_SUPPRESSED ||
                          mail.state() == Mail::STATE_CANCELLED;
        if (mail.state() != Mail::STATE_QUEUED && !(over && mail.message().empty())) {
          return Refused(mail, "MAIL_NOT_RETRIABLE", "neither waits nor failed before it was written");
        }
        mail.set_state(Mail::STATE_QUEUED);
        mail.set_attempts(0);
        mail.set_error("");
        *mail.mutable_next_attempt_time() = ToTimestamp(clock_.Now());
        return absl::OkStatus();
      },
      response));
  wake_();
  return response;
}

}  // namespace embudo::automation
