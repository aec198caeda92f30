#include "common/http/webhook_signature.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <charconv>
#include <chrono>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

namespace embudo::http {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr std::chrono::minutes kTolerance{5};

std::string Sign(const std::string& secret, std::string_view id, std::string_view timestamp, std::string_view body) {
  std::string text(id);
  text.append(".").append(timestamp).append(".").append(body);
  return "v1," + absl::Base64Escape(HmacSha256(secret, text));
}

absl::Status Refused(const char* reason, const char* why) {
  return Error(absl::StatusCode::kUnauthenticated, reason, why);
}

}  // namespace

std::string ShowSecret(std::string_view secret) { return "whsec_" + absl::Base64Escape(std::string(secret)); }

std::string NewSecret() {
  std::string secret(kSecretBytes, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size()));
  return secret;
}

std::string WebhookTimestamp(Time time) {
  return std::to_string(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

std::string WebhookSignature(const std::vector<std::string>& secrets, std::string_view id, std::string_view timestamp,
                             std::string_view body) {
  std::string signature;
  for (const std::string& secret : secrets) {
    signature += (signature.empty() ? "" : " ") + Sign(secret, id, timestamp, body);
  }
  return signature;
}

absl::Status VerifyWebhook(const std::string& secret, std::string_view id, std::string_view timestamp,
                           std::string_view signature, std::string_view body, Time now) {
  if (id.empty() || timestamp.empty() || signature.empty()) {
    return Refused("SIGNATURE_MISSING", "webhook-id, webhook-timestamp and webhook-signature are required");
  }
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), seconds);
  if (error != std::errc() || end != timestamp.data() + timestamp.size() || seconds < 0 || seconds > 253402300799) {
    return Refused("TIMESTAMP_OUT_OF_RANGE", "webhook-timestamp is no time");
  }
  const Time sent{std::chrono::seconds(seconds)};
  if (sent < now - kTolerance || sent > now + kTolerance) {
    return Refused("TIMESTAMP_OUT_OF_RANGE", "webhook-timestamp is more than five minutes off");
  }
  const std::string wanted = Sign(secret, id, timestamp, body);
  bool right = false;
  for (const auto& given : std::vector<std::string>(absl::StrSplit(std::string(signature), ' '))) {
    right = right || (given.size() == wanted.size() && CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0);
  }
  return right ? absl::OkStatus() : Refused("SIGNATURE_WRONG", "webhook-signature is not of this body");
}

}  // namespace embudo::http
