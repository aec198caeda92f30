#include "services/capture/logic/capture.h"

#include "common/base/error.h"
#include "common/text/email.h"
#include "common/text/unicode.h"
#include "services/capture/logic/conversation.h"

namespace embudo::capture::logic {
namespace {

using type::v1::Lead;

constexpr size_t kMaxTitle = 500;
constexpr size_t kMaxDescription = 20000;

/// The name in `Moses Frase <moses@example.com>`.
std::string NameInAddress(const std::string& from) {
  const size_t bracket = from.rfind('<');
  if (bracket == std::string::npos) return "";
  std::string name = text::FoldWhitespace(from.substr(0, bracket));
  if (name.size() > 1 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
  return name;
}

void FillFromEmail(const v1::InboundEmail& email, Lead& lead) {
  if (lead.email().empty()) {
    // A sender that is no address does not lose the mail: it stays in the submission.
    if (const auto address = text::NormaliseEmail(email.from()); address.ok()) lead.set_email(*address);
  }
  if (lead.contact_name().empty()) lead.set_contact_name(text::CutText(NameInAddress(email.from()), 300));
  if (lead.display_name().empty())
    lead.set_display_name(text::CutText(text::FoldWhitespace(email.subject()), kMaxTitle));
  if (lead.description().empty()) lead.set_description(text::CutText(email.text(), kMaxDescription));
}

void FillFromChat(const v1::LiveChat& chat, Lead& lead) {
  if (!lead.description().empty()) return;
  lead.set_description(text::CutText(TranscriptOf(chat), kMaxDescription));
}

void FillFromPayload(const v1::Payload& payload, Lead& lead) {
  lead.set_channel(ChannelOf(payload));
  if (payload.has_email()) FillFromEmail(payload.email(), lead);
  if (payload.has_chat()) FillFromChat(payload.chat(), lead);
  if (payload.has_phone_call() && lead.phone().empty()) lead.set_phone(payload.phone_call().number());
}

void FillFromTouch(const type::v1::Touch& touch, Lead& lead) {
  if (!lead.source().empty() || !lead.medium().empty() || !lead.campaign().empty()) return;
  lead.set_source(text::ToLower(text::FoldWhitespace(touch.source())));
  lead.set_medium(text::ToLower(text::FoldWhitespace(touch.medium())));
  lead.set_campaign(text::ToLower(text::FoldWhitespace(touch.campaign())));
}

/// Whether anybody could answer, or find it again.
bool IsReachable(const Lead& lead) {
  return !lead.email().empty() || !lead.phone().empty() || !lead.contact_name().empty() ||
         !lead.company_name().empty() || !lead.contact().empty() || !lead.company().empty() ||
         lead.external_ids_size() > 0;
}

void FillTitle(Lead& lead) {
  for (const std::string& candidate :
       {lead.display_name(), lead.company_name(), lead.contact_name(), lead.email(), lead.phone()}) {
    if (candidate.empty()) continue;
    lead.set_display_name(candidate);
    return;
  }
  lead.set_display_name(lead.external_ids_size() > 0 ? lead.external_ids(0).id() : "Lead");
}

}  // namespace

Lead::Channel ChannelOf(const v1::Payload& payload) {
  switch (payload.payload_case()) {
    case v1::Payload::kWebForm:
      return Lead::CHANNEL_WEB_FORM;
    case v1::Payload::kEmail:
      return Lead::CHANNEL_EMAIL;
    case v1::Payload::kChat:
      return Lead::CHANNEL_LIVE_CHAT;
    case v1::Payload::kPhoneCall:
      return Lead::CHANNEL_PHONE_CALL;
    case v1::Payload::kManual:
      return Lead::CHANNEL_MANUAL;
    case v1::Payload::kWebhook:
      return Lead::CHANNEL_WEBHOOK;
    default:
      return Lead::CHANNEL_API;
  }
}

absl::StatusOr<Prepared> Prepare(const v1::CaptureLeadRequest& request) {
  Prepared prepared;
  Lead& lead = prepared.lead;
  lead = request.lead();
  lead.clear_name();
  lead.clear_etag();
  if (!lead.email().empty()) {
    absl::StatusOr<std::string> email = text::NormaliseEmail(lead.email());
    if (!email.ok()) return InvalidField("lead.email", MessageOf(email.status()));
    lead.set_email(*email);
  }
  const auto& duration = request.payload().phone_call().duration();
  if (duration.seconds() < 0 || duration.nanos() < 0 || duration.nanos() > 999'999'999) {
    return InvalidField("payload.phone_call.duration", "is not a length of time");
  }
  if (lead.kind() == Lead::KIND_UNSPECIFIED) lead.set_kind(Lead::KIND_LEAD);
  FillFromPayload(request.payload(), lead);
  FillFromTouch(request.touch(), lead);
  if (!IsReachable(lead)) {
    prepared.rejected = "it names neither a person nor a company, and no address, phone or external id";
    return prepared;
  }
  FillTitle(lead);
  return prepared;
}

}  // namespace embudo::capture::logic
