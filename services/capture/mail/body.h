#pragma once

#include "services/capture/mail/gmime.h"
#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

/// Reads the parts of a mail into `mail`: text, HTML, attachments, and what a delivery report says.
void ReadBody(GMimeMessage* message, const Limits& limits, Mail& mail);

}  // namespace embudo::capture::mail
