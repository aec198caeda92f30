#include "services/automation/logic/mail.h"

#include <algorithm>

#include "common/base/error.h"

namespace embudo::automation::logic {

using type::v1::Message;
using v1::Mail;

std::string LeadOfMessage(const std::string& message) {
  const size_t slash = message.find('/');
  return message.substr(0, message.find('/', slash + 1));
}

void TakeOver(const Message& message, Mail& mail) {
  mail.set_message(message.name());
  mail.set_lead(LeadOfMessage(message.name()));
  *mail.mutable_to_addresses() = message.to_addresses();
  *mail.mutable_cc_addresses() = message.cc_addresses();
  mail.set_internet_message_id(message.internet_message_id());
  if (message.to_addresses_size() == 0) return;
  const std::string& first = message.to_addresses(0);
  mail.set_domain(first.substr(std::min(first.rfind('@') + 1, first.size())));
}

std::chrono::seconds MailBackOff(int attempts) {
  constexpr std::chrono::seconds kFirst{30};
  constexpr std::chrono::seconds kLongest = std::chrono::hours(1);
  return std::min(kFirst * (1 << std::clamp(attempts - 1, 0, 7)), kLongest);
}

void EndMail(Mail::State state, const std::string& error, Time now, Mail& mail) {
  mail.set_state(state);
  mail.set_error(error);
  *mail.mutable_update_time() = ToTimestamp(now);
  if (state == Mail::STATE_SENT) *mail.mutable_send_time() = ToTimestamp(now);
  if (mail.message().empty()) {
    mail.clear_next_attempt_time();
  } else {
    *mail.mutable_next_attempt_time() = ToTimestamp(now);
  }
}

void PutOff(const std::string& error, Time now, std::chrono::seconds lifetime, Mail& mail) {
  if (now - FromTimestamp(mail.create_time()) > lifetime) {
    return EndMail(Mail::STATE_FAILED, "GIVEN_UP: " + error, now, mail);
  }
  mail.set_state(Mail::STATE_QUEUED);
  mail.set_error(error);
  *mail.mutable_update_time() = ToTimestamp(now);
  *mail.mutable_next_attempt_time() = ToTimestamp(now + MailBackOff(mail.attempts()));
}

Mail::State StateAfter(const absl::Status& status) {
  if (ReasonOf(status) == "DO_NOT_CONTACT") return Mail::STATE_SUPPRESSED;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return Mail::STATE_FAILED;
    default:
      return Mail::STATE_QUEUED;
  }
}

std::string MailErrorText(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return (reason.empty() ? std::string(absl::StatusCodeToString(status.code())) : reason) + ": " + MessageOf(status);
}

Message::DeliveryState DeliveryOf(Mail::State state) {
  switch (state) {
    case Mail::STATE_SENT:
      return Message::DELIVERY_STATE_SENT;
    case Mail::STATE_BOUNCED:
      return Message::DELIVERY_STATE_BOUNCED;
    default:
      return Message::DELIVERY_STATE_FAILED;
  }
}

}  // namespace embudo::automation::logic
