#pragma once

#include <string>
#include <string_view>

namespace embudo::capture::mail {

/// Text in the charset that its sender names as UTF-8. Senders name wrong ones and unknown ones: what is UTF-8 anyway
/// is taken as that, the rest as Windows-1252. Never fails; no NUL, no carriage returns.
std::string TextToUtf8(std::string_view bytes, const std::string& charset);
/// Well-formed UTF-8 of what should be that already, without NUL.
std::string CleanUtf8(std::string text);

}  // namespace embudo::capture::mail
