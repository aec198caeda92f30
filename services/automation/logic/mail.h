#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "embudo/automation/v1/mail.pb.h"
#include "embudo/type/v1/message.pb.h"

namespace embudo::automation::logic {

/// `leads/1` of `leads/1/messages/2`.
std::string LeadOfMessage(const std::string& message);
/// Takes over what the conversation has of a mail: where it stands there, its receivers, its Message-ID.
void TakeOver(const type::v1::Message& message, v1::Mail& mail);

/// How long a mail waits after that many attempts: 30 s, doubled each time, up to an hour.
std::chrono::seconds MailBackOff(int attempts);

/// Puts down how a mail ended; the pipeline is to be told, if it is in a conversation.
void EndMail(v1::Mail::State state, const std::string& error, Time now, v1::Mail& mail);
/// Puts it off after a failed attempt, or ends it if it was tried for `lifetime`.
void PutOff(const std::string& error, Time now, std::chrono::seconds lifetime, v1::Mail& mail);

/// How an attempt at writing it from its template ends for this error: FAILED or SUPPRESSED, or QUEUED if another may
/// go better.
v1::Mail::State StateAfter(const absl::Status& status);
/// Reason and text of an error, as records keep it.
std::string MailErrorText(const absl::Status& status);

/// What the conversation is told of a mail that is over.
type::v1::Message::DeliveryState DeliveryOf(v1::Mail::State state);

}  // namespace embudo::automation::logic
