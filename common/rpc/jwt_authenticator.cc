#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/rpc/authenticator.h"
#include "common/rpc/base64url.h"
#include "common/rpc/key_ring.h"
#include "common/rpc/roles.h"

namespace embudo::rpc {
namespace {

using Json = nlohmann::json;
using Seconds = std::chrono::seconds;

constexpr Seconds kLeeway{60};
constexpr size_t kMaxTokenBytes = 8192;
constexpr size_t kMaxCached = 10000;
constexpr size_t kMaxSubject = 255;

absl::Status Invalid(const std::string& why) {
  return Error(absl::StatusCode::kUnauthenticated, "TOKEN_INVALID", "the token is not valid: " + why);
}

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size() && !text.empty();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// A token taken apart, nothing verified.
struct Token {
  std::string_view signed_text;
  std::string signature;
  Json header;
  Json claims;
};

std::optional<Token> ParseToken(std::string_view text) {
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto header = FromBase64Url(text.substr(0, first));
  const auto claims = FromBase64Url(text.substr(first + 1, second - first - 1));
  const auto signature = FromBase64Url(text.substr(second + 1));
  if (!header || !claims || !signature) return std::nullopt;
  Token out{.signed_text = text.substr(0, second),
            .signature = *signature,
            .header = Json::parse(*header, nullptr, /*allow_exceptions=*/false),
            .claims = Json::parse(*claims, nullptr, /*allow_exceptions=*/false)};
  if (!out.header.is_object() || !out.claims.is_object()) return std::nullopt;
  return out;
}

std::string TextOf(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A claim by its name, or by a path of names joined by dots.
const Json* FindClaim(const Json& claims, const std::string& name) {
  if (!claims.is_object()) return nullptr;
  if (const auto found = claims.find(name); found != claims.end()) return &*found;
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto outer = claims.find(name.substr(0, dot));
  return outer == claims.end() ? nullptr : FindClaim(*outer, name.substr(dot + 1));
}

/// A text, or the texts of an array.
std::vector<std::string> TextsOf(const Json* claim) {
  std::vector<std::string> out;
  if (claim == nullptr) return out;
  if (claim->is_string()) out.push_back(claim->get<std::string>());
  if (!claim->is_array()) return out;
  for (const Json& item : *claim) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

std::optional<Seconds> TimeOf(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  // Far enough for everybody, and safe to count in.
  return Seconds(static_cast<int64_t>(std::clamp(seconds, 0.0, 1e12)));
}

/// `users/jane` for the subject jane.
std::optional<std::string> ActorOf(const std::string& subject, const std::vector<type::v1::Role>& roles) {
  std::string_view id = subject;
  std::string collection = roles == std::vector{type::v1::ROLE_SERVICE} ? "services/" : "users/";
  for (const std::string_view named : {"users/", "services/"}) {
    if (!id.starts_with(named)) continue;
    collection = named;
    id.remove_prefix(named.size());
    break;
  }
  const bool plain =
      std::all_of(id.begin(), id.end(), [](unsigned char c) { return c > ' ' && c != 0x7f && c != '/'; });
  if (id.empty() || id.size() > kMaxSubject || !plain) return std::nullopt;
  return collection + std::string(id);
}

class Jwt final : public Authenticator {
 public:
  Jwt(const JwtOptions& options, const std::vector<KeySource>& sources, const Clock& clock)
      : options_(options),
        audiences_(SplitList(options.audience)),
        clock_(clock),
        ring_(sources, options.refresh, options.soonest_refresh) {}

  absl::StatusOr<Identity> Authenticate(const MetadataLookup& metadata) override {
    constexpr std::string_view kScheme = "bearer ";
    std::string_view text = metadata("authorization");
    const bool bearer = text.size() > kScheme.size() &&
                        std::equal(kScheme.begin(), kScheme.end(), text.begin(), [](char expected, char given) {
                          return expected == static_cast<char>(std::tolower(static_cast<unsigned char>(given)));
                        });
    if (!bearer) return Error(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING", "the call bears no token");
    text.remove_prefix(kScheme.size());
    if (text.size() > kMaxTokenBytes) return Invalid("too long");
    const auto keys = ring_.keys();
    const Seconds now = std::chrono::duration_cast<Seconds>(clock_.Now().time_since_epoch());
    if (auto known = FromCache(text, keys, now)) return *std::move(known);
    EMBUDO_ASSIGN_OR_RETURN(Verified verified, Verify(text, *keys, now));
    Identity identity = verified.identity;
    ToCache(text, keys, now, std::move(verified));
    return identity;
  }

 private:
  struct Verified {
    Identity identity;
    Seconds expires;
  };

  absl::StatusOr<Verified> Verify(std::string_view text, const KeyRing::Keys& keys, Seconds now) {
    const auto token = ParseToken(text);
    if (!token) return Invalid("malformed");
    EMBUDO_ASSIGN_OR_RETURN(const std::string issuer, CheckSignature(*token, keys));
    EMBUDO_RETURN_IF_ERROR(CheckClaims(token->claims, issuer, now));
    Verified out{.identity = {}, .expires = *TimeOf(token->claims, "exp")};
    out.identity.expire_time = Time(out.expires + kLeeway);
    for (const std::string& names : TextsOf(FindClaim(token->claims, options_.roles_claim))) {
      for (const auto role : ParseRoles(names)) out.identity.roles.push_back(role);
    }
    const auto actor = ActorOf(TextOf(token->claims, "sub"), out.identity.roles);
    if (!actor) return Invalid("it names no subject");
    out.identity.actor = *actor;
    const auto tenants = TextsOf(FindClaim(token->claims, options_.tenant_claim));
    if (tenants.size() > 1) return Invalid("it names several tenants");
    if (!tenants.empty()) out.identity.tenant = tenants.front();
    return out;
  }

  /// Returns the issuer that the key speaks for.
  absl::StatusOr<std::string> CheckSignature(const Token& token, const KeyRing::Keys& keys) {
    const std::optional<Algorithm> algorithm = AlgorithmOf(TextOf(token.header, "alg"));
    if (!algorithm) return Invalid("it is signed by none of RS256, ES256 and EdDSA");
    // Extensions that must be understood are not (RFC 7515, 4.1.11).
    if (token.header.contains("crit")) return Invalid("it has critical extensions");
    const std::string id = TextOf(token.header, "kid");
    bool known = false;
    for (const auto& [key, issuer] : keys) {
      if (key.algorithm != *algorithm || (!id.empty() && key.id != id)) continue;
      known = true;
      if (VerifySignature(key, token.signed_text, token.signature)) return issuer;
    }
    if (known) return Invalid("its signature is wrong");
    ring_.Refresh();
    if (ring_.complete()) return Invalid("its key is not known");
    return Error(absl::StatusCode::kUnavailable, "KEYS_UNAVAILABLE", "the keys that verify tokens are not there yet")
        .RetryAfter(Seconds(5));
  }

  absl::Status CheckClaims(const Json& claims, const std::string& issuer, Seconds now) const {
    const auto expires = TimeOf(claims, "exp");
    if (!expires) return Invalid("it does not say when it expires");
    if (now >= *expires + kLeeway) {
      return Error(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED", "the token has expired");
    }
    if (const auto begins = TimeOf(claims, "nbf"); begins && now + kLeeway < *begins)
      return Invalid("it is not valid yet");
    if (!issuer.empty() && TextOf(claims, "iss") != issuer) return Invalid("it has another issuer");
    if (audiences_.empty()) return absl::OkStatus();
    for (const std::string& audience : TextsOf(FindClaim(claims, "aud"))) {
      if (std::find(audiences_.begin(), audiences_.end(), audience) != audiences_.end()) return absl::OkStatus();
    }
    return Invalid("it is for another audience");
  }

  std::optional<Identity> FromCache(std::string_view text, const std::shared_ptr<const KeyRing::Keys>& keys,
                                    Seconds now) {
    const std::lock_guard lock(mutex_);
    // A key that was taken back takes its tokens along.
    if (cache_keys_ != keys) {
      cache_.clear();
      cache_keys_ = keys;
    }
    const auto found = cache_.find(std::string(text));
    if (found == cache_.end() || now >= found->second.expires + kLeeway) return std::nullopt;
    return found->second.identity;
  }

  void ToCache(std::string_view text, const std::shared_ptr<const KeyRing::Keys>& keys, Seconds now,
               Verified verified) {
    const std::lock_guard lock(mutex_);
    if (cache_keys_ != keys) return;
    if (cache_.size() >= kMaxCached) {
      std::erase_if(cache_, [now](const auto& entry) { return now >= entry.second.expires; });
      if (cache_.size() >= kMaxCached) cache_.clear();
    }
    cache_.insert_or_assign(std::string(text), std::move(verified));
  }

  const JwtOptions options_;
  const std::vector<std::string> audiences_;
  const Clock& clock_;
  KeyRing ring_;
  std::mutex mutex_;
  std::shared_ptr<const KeyRing::Keys> cache_keys_;
  std::unordered_map<std::string, Verified> cache_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Authenticator>> JwtAuthenticator(const JwtOptions& options, const Clock& clock) {
  const std::vector<std::string> locations = SplitList(options.jwks);
  std::vector<std::string> issuers = SplitList(options.issuer);
  if (locations.empty()) return absl::InvalidArgumentError("no JWKS is given");
  if (issuers.empty()) issuers.resize(locations.size());
  if (issuers.size() != locations.size()) return absl::InvalidArgumentError("give one issuer for each JWKS");
  std::vector<KeySource> sources;
  for (size_t i = 0; i < locations.size(); ++i) sources.push_back({locations[i], issuers[i]});
  return std::make_shared<Jwt>(options, sources, clock);
}

}  // namespace embudo::rpc
