#include "services/capture/mail/token.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "common/base/ids.h"
#include "common/base/sha256.h"

namespace embudo::capture::mail {
namespace {

/// Bytes of the signature that an address has room for.
constexpr size_t kSignatureBytes = 10;
constexpr size_t kIdBytes = 16;
/// Base 32 of RFC 4648, in lower case: mail servers may change the case.
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";

std::string Encode(std::string_view bytes) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= 5; count -= 5) out += kAlphabet[(bits >> (count - 5)) & 31];
  }
  if (count > 0) out += kAlphabet[(bits << (5 - count)) & 31];
  return out;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 5) | static_cast<uint32_t>(value);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 255);
  }
  return out;
}

std::string SignatureOf(std::string_view secret, const std::string& id) {
  return HmacSha256(secret, "lead:" + id).substr(0, kSignatureBytes);
}

}  // namespace

std::string LeadToken(std::string_view secret, const std::string& lead_id) {
  const auto id = Uuid::Parse(lead_id);
  if (!id) return {};
  const std::string bytes(reinterpret_cast<const char*>(id->bytes.data()), id->bytes.size());
  return Encode(bytes + SignatureOf(secret, bytes));
}

std::optional<std::string> LeadOfToken(std::string_view secret, std::string_view token) {
  const auto bytes = Decode(token);
  if (!bytes || bytes->size() != kIdBytes + kSignatureBytes) return std::nullopt;
  const std::string id = bytes->substr(0, kIdBytes);
  const std::string wanted = SignatureOf(secret, id);
  if (CRYPTO_memcmp(wanted.data(), bytes->data() + kIdBytes, kSignatureBytes) != 0) return std::nullopt;
  Uuid uuid;
  std::copy(id.begin(), id.end(), reinterpret_cast<char*>(uuid.bytes.data()));
  return uuid.ToString();
}

std::string_view PlusPart(std::string_view address) {
  const size_t at = address.rfind('@');
  const std::string_view local = address.substr(0, at);
  const size_t plus = local.rfind('+');
  return plus == std::string_view::npos ? std::string_view() : local.substr(plus + 1);
}

}  // namespace embudo::capture::mail
