#pragma once

#include "services/capture/mail/gmime.h"
#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

/// Reads the headers of a mail into `mail`.
void ReadHeaders(GMimeMessage* message, const Limits& limits, Mail& mail);
/// A message id as it stands in a header, without angle brackets.
std::string MessageIdOf(std::string_view raw);

}  // namespace embudo::capture::mail
