#include "services/capture/logic/signature.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

namespace embudo::capture::logic {
namespace {

using v1::HookSignature;

constexpr int kDefaultTolerance = 300;

absl::Status Refused(std::string_view reason, std::string_view what) {
  return Error(absl::StatusCode::kUnauthenticated, reason, what);
}

/// Takes as long whatever differs.
bool Same(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsSigned(const std::vector<std::string>& secrets, std::string_view text, const std::string& hex) {
  bool good = false;
  for (const std::string& secret : secrets) {
    good = Same(absl::BytesToHexString(HmacSha256(secret, text)), absl::AsciiStrToLower(hex)) || good;
  }
  return good;
}

absl::Status VerifyTimestamped(const HookSignature& scheme, const std::vector<std::string>& secrets,
                               std::string_view header, std::string_view body, Time now) {
  std::string_view time;
  std::vector<std::string> signatures;
  while (!header.empty()) {
    const size_t end = std::min(header.find(','), header.size());
    std::string_view part = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.starts_with("t=")) time = part.substr(2);
    if (part.starts_with("v1=") && signatures.size() < 10) signatures.emplace_back(part.substr(3));
  }
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), seconds);
  if (error != std::errc() || end != time.data() + time.size() || signatures.empty()) {
    return Refused("SIGNATURE_MISSING", "the header holds no t=…,v1=…");
  }
  const std::string text = std::string(time) + "." + std::string(body);
  const bool good = std::any_of(signatures.begin(), signatures.end(),
                                [&](const std::string& hex) { return IsSigned(secrets, text, hex); });
  if (!good) return Refused("SIGNATURE_WRONG", "the signature is wrong");
  const int64_t tolerance = scheme.tolerance_seconds() == 0 ? kDefaultTolerance : scheme.tolerance_seconds();
  const int64_t clock = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (seconds < clock - tolerance || seconds > clock + tolerance) {
    return Refused("TIMESTAMP_OUT_OF_RANGE", "the call was signed too long ago, or in time to come");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifySignature(const HookSignature& scheme, const std::vector<std::string>& secrets,
                             std::string_view header, std::string_view body, Time now) {
  if (scheme.format() == HookSignature::FORMAT_NONE) return absl::OkStatus();
  if (header.empty()) return Refused("SIGNATURE_MISSING", "the call has no header " + scheme.header());
  if (!header.starts_with(scheme.prefix())) {
    return Refused("SIGNATURE_WRONG", "the signature does not begin with " + scheme.prefix());
  }
  header.remove_prefix(scheme.prefix().size());
  if (scheme.format() == HookSignature::FORMAT_TIMESTAMPED) {
    return VerifyTimestamped(scheme, secrets, header, body, now);
  }
  std::string hex(header);
  if (scheme.format() == HookSignature::FORMAT_BASE64) {
    std::string bytes;
    if (!absl::Base64Unescape(hex, &bytes)) return Refused("SIGNATURE_WRONG", "the signature is no base64");
    hex = absl::BytesToHexString(bytes);
  }
  return IsSigned(secrets, body, hex) ? absl::OkStatus() : Refused("SIGNATURE_WRONG", "the signature is wrong");
}

}  // namespace embudo::capture::logic
