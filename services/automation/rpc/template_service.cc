#include "services/automation/rpc/template_service.h"

#include <utility>

#include "common/base/error.h"
#include "services/automation/mail/template.h"
#include "services/automation/rpc/custom_field_check.h"
#include "services/automation/storage/rules.h"
#include "services/automation/storage/tables.h"
#include "services/automation/storage/templates.h"

namespace embudo::automation {
namespace {

using google::protobuf::Message;
using rpc::CallContext;
using v1::MailTemplate;

}  // namespace

TemplateService::TemplateService(db::Pool& pool, resource::Writer& writer, rpc::Client& pipeline,
                                 events::MailWriter& mails, const Clock& clock)
    : pool_(pool),
      pipeline_(pipeline),
      mails_(mails),
      templates_(
          storage::MailTemplateTable(),
          {.prepare = [this](const CallContext& call, Message& after, const Message*) { return Prepare(call, after); },
           .default_order = "create_time"},
          pool, writer, clock) {}

std::unique_ptr<rpc::Service> TemplateService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetMailTemplateRequest::descriptor()->file()->service(0));
  service->Unary<v1::PreviewMailTemplateRequest, v1::PreviewMailTemplateResponse>(
      "PreviewMailTemplate", [this](const CallContext& call, const v1::PreviewMailTemplateRequest& request) {
        return Preview(call, request);
      });
  templates_.Bind(*service);
  return service;
}

absl::Status TemplateService::Prepare(const CallContext& call, Message& after) {
  auto& source = static_cast<MailTemplate&>(after);
  if (source.has_delete_time()) return absl::OkStatus();
  if (source.language().empty()) source.set_language("en");
  EMBUDO_RETURN_IF_ERROR(mail::CheckTemplate(source));
  return CheckCustomFields(pipeline_, call, mail::CustomFieldsOf(source));
}

absl::StatusOr<v1::PreviewMailTemplateResponse> TemplateService::Preview(
    const CallContext& call, const v1::PreviewMailTemplateRequest& request) {
  if (request.name().empty() == !request.has_mail_template()) {
    return InvalidField("mail_template", "one of name and mail_template must be set");
  }
  MailTemplate source = request.mail_template();
  std::string time_zone;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    EMBUDO_ASSIGN_OR_RETURN(time_zone, storage::TimeZoneOf(*lease, call.tenant()));
    if (!request.name().empty()) {
      EMBUDO_ASSIGN_OR_RETURN(source, storage::GetTemplate(*lease, call.tenant(), request.name()));
    }
  }
  EMBUDO_RETURN_IF_ERROR(mail::CheckTemplate(source));
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Lead lead, mails_.GetLead(call.identity, request.lead()));
  const bool person = call.identity.actor.starts_with("users/");
  EMBUDO_ASSIGN_OR_RETURN(mail::Rendered rendered,
                          mails_.Fill(call.identity, source, lead, person ? call.identity.actor : lead.owner(),
                                      request.language(), time_zone));
  v1::PreviewMailTemplateResponse response;
  response.set_subject(std::move(rendered.subject));
  response.set_text_body(std::move(rendered.text));
  response.set_html_body(std::move(rendered.html));
  response.set_language(std::move(rendered.language));
  response.mutable_empty_placeholders()->Assign(rendered.empty.begin(), rendered.empty.end());
  return response;
}

}  // namespace embudo::automation
