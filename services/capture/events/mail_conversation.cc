#include "services/capture/events/mail_conversation.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using type::v1::Message;

/// Of a filter.
constexpr size_t kMaxFilterBytes = 3500;
constexpr size_t kChunkBytes = 512 << 10;
constexpr std::chrono::seconds kUploadTimeout{60};

absl::Status IsRefusal(const absl::Status& status) {
  const bool refused =
      status.code() == absl::StatusCode::kInvalidArgument || status.code() == absl::StatusCode::kFailedPrecondition;
  return refused ? absl::OkStatus() : status;
}

}  // namespace

std::string MailConversation::IdFor(const std::string& what) const {
  return Uuid::V5(EmbudoUuidSpace(), "mail:" + identity_.tenant + ":" + key_ + ":" + what).ToString();
}

absl::StatusOr<std::map<std::string, Message>> MailConversation::Find(const std::vector<std::string>& message_ids) {
  std::map<std::string, Message> found;
  api::ListMessagesRequest request;
  request.set_parent("leads/-");
  request.set_page_size(100);
  std::string filter;
  for (const std::string& id : message_ids) {
    // The filter language has no way to write a quote in quotes.
    if (id.empty() || id.find_first_of("\"\\") != std::string::npos) continue;
    if (filter.size() + id.size() > kMaxFilterBytes) break;
    filter += (filter.empty() ? "internet_message_id = \"" : " OR internet_message_id = \"") + id + "\"";
  }
  if (filter.empty()) return found;
  request.set_filter(filter);
  EMBUDO_ASSIGN_OR_RETURN(
      const api::ListMessagesResponse response,
      pipeline_.Call<api::ListMessagesResponse>("embudo.pipeline.v1.MessageService/ListMessages", identity_, request));
  for (const Message& message : response.messages()) found.emplace(message.internet_message_id(), message);
  return found;
}

absl::StatusOr<std::string> MailConversation::Add(const std::string& lead, const mail::Mail& mail,
                                                  const mail::Folded& folded, bool automatic) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> attachments, Upload(lead, mail));
  api::CreateMessageRequest request;
  request.set_parent(lead);
  request.set_request_id(IdFor("message:" + lead));
  request.set_message_id(IdFor("entry:" + lead));
  Message& message = *request.mutable_message();
  message.set_type(Message::TYPE_EMAIL_IN);
  message.set_subject(mail.subject);
  message.set_body(folded.body);
  message.set_quoted_body(folded.quoted);
  message.set_html_body(mail.html);
  if (mail.Sender() != nullptr) message.set_from_address(mail.Sender()->ToString());
  for (const mail::Address& address : mail.to) message.add_to_addresses(address.ToString());
  for (const mail::Address& address : mail.cc) message.add_cc_addresses(address.ToString());
  message.set_internet_message_id(mail.message_id);
  if (!mail.in_reply_to.empty()) message.set_in_reply_to(mail.in_reply_to.front());
  message.set_auto_generated(automatic);
  message.mutable_attachments()->Assign(attachments.begin(), attachments.end());
  const auto made = pipeline_.Call<Message>("embudo.pipeline.v1.MessageService/CreateMessage", identity_, request);
  if (made.ok()) return made->name();
  if (made.status().code() != absl::StatusCode::kAlreadyExists) return made.status();
  // Another brought it at the same moment, or this one more than a day ago.
  EMBUDO_ASSIGN_OR_RETURN(const auto found, Find({mail.message_id}));
  if (!found.empty()) return found.begin()->second.name();
  return lead + "/messages/" + request.message_id();
}

absl::StatusOr<std::vector<std::string>> MailConversation::Upload(const std::string& lead, const mail::Mail& mail) {
  std::vector<std::string> names;
  for (size_t i = 0; i < mail.attachments.size(); ++i) {
    auto name = UploadOne(lead, i, mail.attachments[i]);
    if (name.ok()) {
      names.push_back(*std::move(name));
    } else if (name.status().code() == absl::StatusCode::kAlreadyExists) {
      names.push_back(lead + "/attachments/" + IdFor("attachment:" + lead + ":" + std::to_string(i)));
    } else {
      EMBUDO_RETURN_IF_ERROR(IsRefusal(name.status()));
      log::Warning("mail: an attachment was not taken", {{"reason", ReasonOf(name.status())}});
    }
  }
  return names;
}

absl::StatusOr<std::string> MailConversation::UploadOne(const std::string& lead, size_t number,
                                                        const mail::Attachment& attachment) {
  const auto stream =
      pipeline_.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment", identity_, kUploadTimeout);
  api::UploadAttachmentRequest request;
  request.set_parent(lead);
  request.set_file_name(attachment.file_name);
  request.set_attachment_id(IdFor("attachment:" + lead + ":" + std::to_string(number)));
  request.set_request_id(IdFor("upload:" + lead + ":" + std::to_string(number)));
  for (size_t at = 0; at < attachment.bytes.size(); at += kChunkBytes) {
    request.set_content(attachment.bytes.substr(at, kChunkBytes));
    if (!stream->Write(request)) break;
    request.Clear();
  }
  stream->WritesDone();
  type::v1::Attachment uploaded;
  stream->Read(&uploaded);
  const absl::Status status = stream->Finish();
  if (!status.ok()) return status;
  return uploaded.name();
}

}  // namespace embudo::capture::events
