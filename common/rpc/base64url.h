#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace embudo::rpc {

/// Base 64 with the URL alphabet and without padding (RFC 4648, section 5), as JOSE writes bytes.
std::string ToBase64Url(std::string_view bytes);
/// Nullopt if it is not that.
std::optional<std::string> FromBase64Url(std::string_view text);

}  // namespace embudo::rpc
