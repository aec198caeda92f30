#include "services/pipeline/logic/message_rules.h"

#include <unicode/utf8.h>

#include "common/base/error.h"
#include "common/resource/table.h"
#include "common/text/phone.h"
#include "common/text/unicode.h"
#include "services/pipeline/logic/mentions.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Message;

constexpr int32_t kLineBytes = 200;

bool IsMail(const Message& message) {
  return message.type() == Message::TYPE_EMAIL_IN || message.type() == Message::TYPE_EMAIL_OUT;
}
bool IsInternal(const Message& message) { return !IsMail(message) && message.type() != Message::TYPE_CHAT; }
// Written by people for each other, so it may mention them.
bool MayMention(const Message& message) {
  return message.type() == Message::TYPE_INTERNAL_NOTE || message.type() == Message::TYPE_CALL;
}
bool IsBlank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

absl::Status Fixed(const Message& message, const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, "MESSAGE_FIXED", message.name() + ": " + why)
      .Meta("message", message.name())
      .Violation("TYPE", message.name(), why);
}

// `<id>` as it stands in a header is the same as `id`.
std::string WithoutBrackets(const std::string& id) {
  const size_t first = id.find_first_not_of(" \t\r\n<");
  if (first == std::string::npos) return "";
  return id.substr(first, id.find_last_not_of(" \t\r\n>") - first + 1);
}

absl::Status CheckFieldsOfMails(const Message& message) {
  if (IsMail(message)) return absl::OkStatus();
  for (const char* field : {"from_address", "internet_message_id", "in_reply_to", "html_body", "template"}) {
    if (!resource::GetText(message, field).empty()) {
      return InvalidField(std::string("message.") + field, "is of mails only");
    }
  }
  if (message.to_addresses_size() > 0) return InvalidField("message.to_addresses", "is of mails only");
  if (message.cc_addresses_size() > 0) return InvalidField("message.cc_addresses", "is of mails only");
  return absl::OkStatus();
}

absl::Status CheckCall(const Scene& scene, Message& message) {
  if (!message.has_call()) return absl::OkStatus();
  if (message.type() != Message::TYPE_CALL) return InvalidField("message.call", "is of calls only");
  auto& call = *message.mutable_call();
  const auto& duration = call.duration();
  if (duration.seconds() < 0 || duration.nanos() < 0 || duration.nanos() > 999'999'999) {
    return InvalidField("message.call.duration", "is not a length of time");
  }
  if (!call.phone().empty()) call.set_phone(text::NormalisePhone(call.phone(), scene.catalog.tenant.region_code()));
  if (call.ByteSizeLong() == 0) message.clear_call();
  return absl::OkStatus();
}

void SetMentions(const Scene& scene, Message& message) {
  message.clear_mentions();
  // What comes from outside mentions nobody, whatever it says.
  if (!MayMention(message) || scene.origin == type::v1::ORIGIN_CAPTURE) return;
  for (const std::string& id : ParseMentions(message.body())) {
    const auto user = scene.catalog.users.find("users/" + id);
    if (user != scene.catalog.users.end() && !user->second.disabled()) message.add_mentions(user->first);
  }
}

absl::Status CheckContent(const Scene& scene, Message& message) {
  message.set_internet_message_id(WithoutBrackets(message.internet_message_id()));
  message.set_in_reply_to(WithoutBrackets(message.in_reply_to()));
  EMBUDO_RETURN_IF_ERROR(CheckFieldsOfMails(message));
  EMBUDO_RETURN_IF_ERROR(CheckCall(scene, message));
  const bool empty = IsBlank(message.subject()) && IsBlank(message.body()) && message.html_body().empty();
  // A mail may be nothing but its attachments, or nothing at all; it came.
  if (empty && !message.has_call() && message.type() != Message::TYPE_EMAIL_IN) {
    return InvalidField("message.body", "a text, a subject or a call is required");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckMayCreate(const Message& message, bool service) {
  switch (message.type()) {
    case Message::TYPE_INTERNAL_NOTE:
    case Message::TYPE_CALL:
    case Message::TYPE_CHAT:
      return absl::OkStatus();
    case Message::TYPE_EMAIL_IN:
      if (service) return absl::OkStatus();
      return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "mails from customers come by a service")
          .Meta("roles", "service")
          .Field("message.type", "needs the role service");
    case Message::TYPE_EMAIL_OUT:
      return InvalidField("message.type", "mails to customers are written by SendEmail");
    default:
      return InvalidField("message.type", "is not one that can be created");
  }
}

absl::Status PrepareNew(const Scene& scene, Message& message) {
  EMBUDO_RETURN_IF_ERROR(CheckContent(scene, message));
  if (message.type() == Message::TYPE_EMAIL_IN && !message.template_().empty()) {
    return InvalidField("message.template", "is of mails to customers only");
  }
  message.set_internal(IsInternal(message));
  message.set_author(scene.IsPerson() ? scene.actor : "");
  SetMentions(scene, message);
  return absl::OkStatus();
}

absl::Status PrepareChanged(const Scene& scene, const Message& before, Message& message) {
  EMBUDO_RETURN_IF_ERROR(CheckContent(scene, message));
  // Whoever was mentioned stays so as long as the text stands, disabled since or not.
  if (message.body() != before.body()) SetMentions(scene, message);
  return absl::OkStatus();
}

absl::Status CheckEditable(const Message& message) {
  if (MayMention(message)) return absl::OkStatus();
  return Fixed(message, "only notes and calls can be edited");
}

absl::Status CheckDeletable(const Message& message) {
  if (MayMention(message) || message.type() == Message::TYPE_CHAT) return absl::OkStatus();
  return Fixed(message, "mails and what the system logged can't be deleted");
}

absl::Status RecordDelivery(Message::DeliveryState state, const std::string& error, Message& message) {
  if (message.type() != Message::TYPE_EMAIL_OUT) return Fixed(message, "is no mail to a customer");
  const auto now = message.delivery_state();
  if (state == now) return absl::OkStatus();
  const bool onward = now == Message::DELIVERY_STATE_QUEUED ||
                      (now == Message::DELIVERY_STATE_SENT && state == Message::DELIVERY_STATE_BOUNCED);
  if (!onward) {
    const std::string text = "is " + Message::DeliveryState_Name(now) + ", from where there is no way to " +
                             Message::DeliveryState_Name(state);
    return Error(absl::StatusCode::kFailedPrecondition, "DELIVERY_GOES_BACK", message.name() + ": " + text)
        .Meta("message", message.name())
        .Violation("DELIVERY_STATE", message.name(), text);
  }
  message.set_delivery_state(state);
  message.set_delivery_error(state == Message::DELIVERY_STATE_SENT ? "" : error);
  return absl::OkStatus();
}

std::string LineOf(const Message& message) {
  std::string line = text::FoldWhitespace(IsBlank(message.subject()) ? message.body() : message.subject());
  if (line.size() <= static_cast<size_t>(kLineBytes)) return line;
  int32_t end = kLineBytes;
  U8_SET_CP_START(reinterpret_cast<const uint8_t*>(line.data()), 0, end);
  return line.substr(0, static_cast<size_t>(end)) + "…";
}

}  // namespace embudo::pipeline::logic
