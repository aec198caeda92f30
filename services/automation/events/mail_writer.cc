#include "services/automation/events/mail_writer.h"

#include <algorithm>
#include <map>
#include <memory>

#include "common/base/error.h"
#include "common/text/dates.h"
#include "embudo/capture/v1/link_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/automation/logic/mail.h"

namespace embudo::automation::events {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr std::chrono::seconds kCallTimeout{5};
/// Of one mail: a list of references can be long.
constexpr size_t kMaxRecords = 200;

constexpr char kGetLead[] = "embudo.pipeline.v1.LeadService/GetLead";
constexpr char kSendEmail[] = "embudo.pipeline.v1.MessageService/SendEmail";
constexpr char kGetMessage[] = "embudo.pipeline.v1.MessageService/GetMessage";
constexpr char kRecordDelivery[] = "embudo.pipeline.v1.MessageService/RecordDelivery";
constexpr char kUnsubscribeLink[] = "embudo.capture.v1.LinkService/CreateUnsubscribeLink";

/// `PipelineService` of a record's type: all but these are in the catalogue.
std::string ServiceOf(const std::string& type) {
  static const std::map<std::string, std::string> services = {{"Contact", "ContactService"},
                                                              {"User", "TeamService"},
                                                              {"Team", "TeamService"},
                                                              {"Stage", "PipelineService"},
                                                              {"Pipeline", "PipelineService"}};
  const auto found = services.find(type);
  return found == services.end() ? "CatalogService" : found->second;
}

std::unique_ptr<Message> New(const std::string& full_name) {
  const auto* descriptor = DescriptorPool::generated_pool()->FindMessageTypeByName(full_name);
  if (descriptor == nullptr) return nullptr;
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

/// Not there, or not for these eyes.
bool IsAway(const absl::Status& status) {
  return status.code() == absl::StatusCode::kNotFound || status.code() == absl::StatusCode::kPermissionDenied ||
         status.code() == absl::StatusCode::kInvalidArgument;
}

/// The record of that name; nullptr if it is not there.
absl::StatusOr<std::unique_ptr<Message>> GetRecord(rpc::Client& pipeline, const rpc::Identity& who,
                                                   const std::string& resource_type, const std::string& name) {
  const std::string type = resource_type.substr(resource_type.find('/') + 1);
  std::unique_ptr<Message> request = New("embudo.pipeline.v1.Get" + type + "Request");
  std::unique_ptr<Message> record = New("embudo.type.v1." + type);
  if (request == nullptr || record == nullptr) return Internal("no way to get a " + type);
  request->GetReflection()->SetString(request.get(), request->GetDescriptor()->FindFieldByName("name"), name);
  const std::string method = "embudo.pipeline.v1." + ServiceOf(type) + "/Get" + type;
  const absl::Status got = pipeline.Call(method, who, *request, record.get(), kCallTimeout);
  if (IsAway(got)) return nullptr;
  if (!got.ok()) return got;
  return record;
}

bool Uses(const mail::Template& compiled, mail::BoundPath::Root root) {
  const auto paths = compiled.Paths();
  return std::any_of(paths.begin(), paths.end(), [&](const mail::BoundPath& path) { return path.root == root; });
}

}  // namespace

absl::StatusOr<type::v1::Lead> MailWriter::GetLead(const rpc::Identity& who, const std::string& name) {
  pipeline::v1::GetLeadRequest request;
  request.set_name(name);
  return pipeline_.Call<type::v1::Lead>(kGetLead, who, request, kCallTimeout);
}

absl::Status MailWriter::Gather(const rpc::Identity& who, const mail::Template& compiled, const type::v1::Lead& lead,
                                const std::string& sender, mail::Records& records) {
  const auto paths = compiled.Paths();
  for (bool more = true; more;) {
    more = false;
    for (const mail::BoundPath& path : paths) {
      for (const auto& [type, name] : mail::MissingRecords(path, lead, sender, records)) {
        if (records.size() > kMaxRecords) return absl::OkStatus();
        EMBUDO_ASSIGN_OR_RETURN(records[name], GetRecord(pipeline_, who, type, name));
        more = true;
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<mail::Rendered> MailWriter::Fill(const rpc::Identity& who, const v1::MailTemplate& source,
                                                const type::v1::Lead& lead, const std::string& sender,
                                                const std::string& language, const std::string& time_zone) {
  EMBUDO_ASSIGN_OR_RETURN(const mail::Template compiled,
                          mail::Template::Compile(source, language.empty() ? lead.language() : language));
  mail::Records records;
  EMBUDO_RETURN_IF_ERROR(Gather(who, compiled, lead, sender, records));
  std::string link;
  if (Uses(compiled, mail::BoundPath::Root::kUnsubscribeLink)) {
    EMBUDO_ASSIGN_OR_RETURN(link, UnsubscribeLink(who, lead));
  }
  return compiled.Render({lead, sender, records, link, text::DayIn(clock_.Now(), time_zone), time_zone});
}

absl::StatusOr<type::v1::Message> MailWriter::Write(const rpc::Identity& who,
                                                    const pipeline::v1::SendEmailRequest& request) {
  auto written = pipeline_.Call<type::v1::Message>(kSendEmail, who, request, kCallTimeout);
  if (written.ok() || written.status().code() != absl::StatusCode::kAlreadyExists) return written;
  pipeline::v1::GetMessageRequest get;
  get.set_name(request.parent() + "/messages/" + request.message_id());
  return pipeline_.Call<type::v1::Message>(kGetMessage, who, get, kCallTimeout);
}

absl::Status MailWriter::Tell(const rpc::Identity& who, const v1::Mail& mail) {
  constexpr size_t kMaxError = 1000;
  pipeline::v1::RecordDeliveryRequest request;
  request.set_name(mail.message());
  request.set_delivery_state(logic::DeliveryOf(mail.state()));
  request.set_delivery_error(mail.error().substr(0, kMaxError));
  const absl::Status told = pipeline_.Call<type::v1::Message>(kRecordDelivery, who, request, kCallTimeout).status();
  // It bounced already, or the lead is gone.
  const bool knows_better =
      told.code() == absl::StatusCode::kFailedPrecondition || told.code() == absl::StatusCode::kNotFound;
  return knows_better ? absl::OkStatus() : told;
}

absl::StatusOr<std::string> MailWriter::UnsubscribeLink(const rpc::Identity& who, const type::v1::Lead& lead) {
  capture::v1::CreateUnsubscribeLinkRequest request;
  request.set_lead(lead.name());
  const auto link = capture_.Call<capture::v1::PublicLink>(kUnsubscribeLink, who, request, kCallTimeout);
  if (link.ok()) return link->uri();
  // No secret to sign with, or no such lead any more.
  if (IsAway(link.status()) || link.status().code() == absl::StatusCode::kFailedPrecondition) return std::string();
  return link.status();
}

}  // namespace embudo::automation::events
