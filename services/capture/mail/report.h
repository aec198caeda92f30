#pragma once

#include <string>
#include <string_view>

#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

/// Reads the machine's part of a delivery report (RFC 3464) into `mail.reports`.
void ReadDeliveryStatus(std::string_view content, Mail& mail);
/// The Message-ID among headers, or in the text of a mail that encloses another; empty if there is none.
std::string OriginalMessageId(std::string_view text);
/// What a text that tells in words that a mail came back says: recipient, status and the mail's own id. For servers
/// that know no RFC 3464.
void ReadBounceText(std::string_view text, Mail& mail);

}  // namespace embudo::capture::mail
