#include "services/capture/logic/link_token.h"

#include <openssl/crypto.h>

#include <charconv>
#include <sstream>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

namespace embudo::capture::logic {
namespace {

constexpr size_t kMinSecret = 32;
constexpr size_t kMaxToken = 1000;
/// Of the HMAC: what a guess has to hit.
constexpr size_t kMacBytes = 20;
/// So that a secret that signs something else, too, signs no links by it.
constexpr char kPurpose[] = "embudo link 1\n";

std::string MacOf(const std::string& secret, const std::string& payload) {
  return HmacSha256(secret, kPurpose + payload).substr(0, kMacBytes);
}

std::optional<Link> ReadPayload(const std::string& payload) {
  const size_t first = payload.find('\n');
  const size_t second = payload.find('\n', first + 1);
  const size_t third = payload.find('\n', second + 1);
  if (first != 1 || second == std::string::npos || third == std::string::npos) return std::nullopt;
  int64_t seconds = 0;
  const char* end = payload.data() + third;
  if (std::from_chars(payload.data() + second + 1, end, seconds).ptr != end) return std::nullopt;
  return Link{static_cast<LinkKind>(payload[0]), payload.substr(first + 1, second - first - 1),
              payload.substr(third + 1), Time(std::chrono::seconds(seconds))};
}

}  // namespace

absl::StatusOr<LinkSigner> LinkSigner::Parse(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> secrets;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (line.size() < kMinSecret) return InvalidField("link-secret-file", "a secret has 32 characters at least");
    secrets.push_back(std::move(line));
  }
  if (secrets.empty()) return InvalidField("link-secret-file", "holds no secret");
  return LinkSigner(std::move(secrets));
}

std::string LinkSigner::Sign(const Link& link) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(link.expire_time).time_since_epoch().count();
  std::string payload(1, static_cast<char>(link.kind));
  payload += "\n" + link.tenant + "\n" + std::to_string(seconds) + "\n" + link.name;
  return absl::WebSafeBase64Escape(MacOf(secrets_.at(0), payload) + payload);
}

std::optional<Link> LinkSigner::Read(std::string_view token, Time now) const {
  std::string bytes;
  if (token.size() > kMaxToken || !absl::WebSafeBase64Unescape(std::string(token), &bytes)) return std::nullopt;
  if (bytes.size() <= kMacBytes) return std::nullopt;
  const std::string payload = bytes.substr(kMacBytes);
  bool good = false;
  for (const std::string& secret : secrets_) {
    good = CRYPTO_memcmp(MacOf(secret, payload).data(), bytes.data(), kMacBytes) == 0 || good;
  }
  if (!good) return std::nullopt;
  std::optional<Link> link = ReadPayload(payload);
  return link && link->expire_time > now ? link : std::nullopt;
}

}  // namespace embudo::capture::logic
