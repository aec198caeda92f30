#pragma once

#include <string>
#include <string_view>

namespace embudo {

/// SHA-256 (FIPS 180-4), as 32 bytes.
std::string Sha256(std::string_view bytes);
/// The same in hexadecimal, lower case.
std::string Sha256Hex(std::string_view bytes);
/// HMAC-SHA-256 (RFC 2104), as 32 bytes.
std::string HmacSha256(std::string_view key, std::string_view bytes);

}  // namespace embudo
