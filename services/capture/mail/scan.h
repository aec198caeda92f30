#pragma once

#include <string>
#include <string_view>

#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

/// A mail as far as it can be read at a bounded cost: all of it, but for mails of a size, or with a number of parts, of
/// header lines or of bytes in one header, that nobody writes. What is passed over is told in `defect`, empty if
/// nothing is. The text returned lies in `bytes`, or in `changed` where something had to be left out in the middle.
std::string_view WithinLimits(std::string_view bytes, const Limits& limits, std::string* changed, std::string* defect);

}  // namespace embudo::capture::mail
