#pragma once

#include <string_view>

#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

/// Reads a mail (RFC 5322, MIME). Never fails: what is malformed is passed over, and said to be in `defects`. Memory
/// and time are bounded by the limits. Thread-safe.
Mail Parse(std::string_view bytes, const Limits& limits = {});

}  // namespace embudo::capture::mail
