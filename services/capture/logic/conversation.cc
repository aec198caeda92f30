#include "services/capture/logic/conversation.h"

#include <map>

#include "common/base/clock.h"
#include "common/text/unicode.h"
#include "services/capture/logic/capture.h"

namespace embudo::capture::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Lead;
using type::v1::Message;
using v1::Duplicate;
using v1::Payload;

constexpr size_t kMaxBody = 200'000;
constexpr size_t kMaxRecordingUri = 2000;
constexpr size_t kMaxCode = 200;
constexpr size_t kMaxAddress = 4000;

std::string WordsOf(std::string name) {
  for (char& c : name) c = c == '_' ? ' ' : c;
  return name;
}

std::string Spoken(Lead::Channel channel) {
  switch (channel) {
    case Lead::CHANNEL_WEB_FORM:
      return "a web form";
    case Lead::CHANNEL_LIVE_CHAT:
      return "live chat";
    case Lead::CHANNEL_MANUAL:
      return "hand";
    case Lead::CHANNEL_WEBHOOK:
      return "a webhook";
    default:
      return "the API";
  }
}

void AddLine(const std::string& label, const std::string& value, std::string* text) {
  if (!value.empty()) *text += label + ": " + value + "\n";
}

/// Texts and numbers of the lead that was sent.
std::string FieldsOf(const Lead& lead) {
  std::string text;
  std::vector<const FieldDescriptor*> set;
  lead.GetReflection()->ListFields(lead, &set);
  for (const FieldDescriptor* field : set) {
    if (field->is_repeated() || field->name() == "name" || field->name() == "etag") continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      AddLine(WordsOf(field->name()), lead.GetReflection()->GetString(lead, field), &text);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      AddLine(WordsOf(field->name()), std::to_string(lead.GetReflection()->GetInt64(lead, field)), &text);
    }
  }
  return text;
}

std::string FieldsOf(const google::protobuf::Map<std::string, std::string>& fields) {
  const std::map<std::string, std::string> sorted(fields.begin(), fields.end());
  std::string text;
  for (const auto& [name, value] : sorted) AddLine(name, value, &text);
  return text;
}

Message NoteOf(const v1::CaptureLeadRequest& request) {
  const Payload& payload = request.payload();
  Message note;
  note.set_type(Message::TYPE_INTERNAL_NOTE);
  note.set_subject("Came once more by " + Spoken(ChannelOf(payload)));
  std::string text = FieldsOf(request.lead());
  if (payload.has_web_form()) {
    AddLine("form", payload.web_form().form(), &text);
    AddLine("page", payload.web_form().page(), &text);
    text += FieldsOf(payload.web_form().fields());
  }
  if (payload.has_webhook()) {
    AddLine("hook", payload.webhook().hook(), &text);
    text += FieldsOf(payload.webhook().fields());
  }
  if (payload.has_api()) AddLine("client", payload.api().client(), &text);
  note.set_body(text::CutText(std::move(text), kMaxBody));
  return note;
}

Message CallOf(const v1::CaptureLeadRequest& request) {
  const v1::PhoneCall& call = request.payload().phone_call();
  Message message;
  message.set_type(Message::TYPE_CALL);
  message.set_subject("Phone call");
  message.set_body(request.lead().description());
  type::v1::CallLog& log = *message.mutable_call();
  log.set_direction(static_cast<type::v1::CallLog::Direction>(call.direction()));
  if (call.has_duration()) *log.mutable_duration() = call.duration();
  log.set_phone(call.number().empty() ? request.lead().phone() : call.number());
  if (call.recording_uri().size() <= kMaxRecordingUri) {
    log.set_recording_uri(call.recording_uri());
  } else {
    message.set_body(message.body() + "\nrecording: " + call.recording_uri());
  }
  return message;
}

Message MailOf(const v1::InboundEmail& email) {
  Message message;
  message.set_type(Message::TYPE_EMAIL_IN);
  message.set_subject(email.subject());
  message.set_body(email.text());
  message.set_from_address(email.from());
  message.set_internet_message_id(email.message_id());
  return message;
}

std::string Spoken(Duplicate::Reason reason) {
  switch (reason) {
    case Duplicate::REASON_EXTERNAL_ID:
      return "the same external id";
    case Duplicate::REASON_EMAIL:
      return "the same mail address";
    case Duplicate::REASON_PHONE:
      return "the same phone number";
    case Duplicate::REASON_COMPANY_AND_PERSON:
      return "names of company and person alike";
    default:
      return "the same company domain";
  }
}

}  // namespace

std::string TranscriptOf(const v1::LiveChat& chat) {
  std::string transcript;
  for (const auto& line : chat.lines()) {
    if (line.has_time()) transcript += FormatTime(FromTimestamp(line.time())) + " ";
    transcript += line.author() + ": " + line.text() + "\n";
  }
  return transcript;
}

std::optional<Message> EntryOf(const v1::CaptureLeadRequest& request, bool lead_is_new) {
  const Payload& payload = request.payload();
  if (payload.has_email()) {
    // The mail gateway adds the whole mail itself, with its attachments.
    if (payload.email().kind() != v1::InboundEmail::KIND_UNSPECIFIED) return std::nullopt;
    return MailOf(payload.email());
  }
  if (payload.has_phone_call()) return CallOf(request);
  if (payload.has_chat() && payload.chat().lines_size() > 0) {
    Message message;
    message.set_type(Message::TYPE_CHAT);
    message.set_subject("Live chat");
    message.set_body(text::CutText(TranscriptOf(payload.chat()), kMaxBody));
    return message;
  }
  if (lead_is_new) return std::nullopt;
  return NoteOf(request);
}

Message FlagNote(const std::vector<Duplicate>& duplicates) {
  Message note;
  note.set_type(Message::TYPE_INTERNAL_NOTE);
  note.set_subject("Possible duplicate");
  std::string text;
  for (const Duplicate& duplicate : duplicates) {
    std::string reasons;
    for (const int reason : duplicate.reasons()) {
      reasons += (reasons.empty() ? "" : ", ") + Spoken(static_cast<Duplicate::Reason>(reason));
    }
    text += duplicate.lead() + ": " + reasons + "\n";
  }
  note.set_body(text);
  return note;
}

type::v1::Touch TouchOf(const v1::CaptureLeadRequest& request, const std::string& submission,
                        const google::protobuf::Timestamp& came) {
  type::v1::Touch touch = request.touch();
  touch.clear_name();
  touch.clear_etag();
  // What the caller says of the lead is what led to it, if it says nothing of the visit.
  if (touch.source().empty() && touch.medium().empty() && touch.campaign().empty()) {
    touch.set_source(request.lead().source());
    touch.set_medium(request.lead().medium());
    touch.set_campaign(request.lead().campaign());
  }
  // What a page or a mapping makes of a visit has no limits; a touch has.
  touch.set_source(text::CutText(touch.source(), kMaxCode));
  touch.set_medium(text::CutText(touch.medium(), kMaxCode));
  touch.set_campaign(text::CutText(touch.campaign(), kMaxCode));
  touch.set_landing_page(text::CutText(touch.landing_page(), kMaxAddress));
  touch.set_referrer(text::CutText(touch.referrer(), kMaxAddress));
  touch.set_channel(ChannelOf(request.payload()));
  if (!touch.has_touch_time()) *touch.mutable_touch_time() = came;
  touch.set_submission(submission);
  return touch;
}

}  // namespace embudo::capture::logic
