#include <map>
#include <mutex>
#include <utility>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/jose.h"
#include "common/rpc/roles.h"

namespace embudo::rpc {
namespace {

using Seconds = std::chrono::seconds;

constexpr Seconds kLifetime{60};
// A cached token has at least this long to live when it is sent.
constexpr Seconds kLeast{30};
constexpr size_t kMaxCached = 4096;

class Signer final : public Credentials {
 public:
  Signer(SigningOptions options, SigningKey key) : options_(std::move(options)), key_(std::move(key)) {}

  std::vector<std::pair<std::string, std::string>> Metadata(const Identity& identity) override {
    const std::string roles = FormatRoles(identity.roles, " ");
    const Seconds now = std::chrono::duration_cast<Seconds>(Clock::System().Now().time_since_epoch());
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= kMaxCached) cache_.clear();
    Token& token = cache_[identity.tenant + '\n' + identity.actor + '\n' + roles];
    if (token.expires - now < kLeast) {
      token.expires = now + kLifetime;
      token.header = "Bearer " + key_.Sign({{"iss", options_.issuer},
                                            {"aud", options_.audience},
                                            {"sub", identity.actor},
                                            {"iat", now.count()},
                                            {"exp", token.expires.count()},
                                            {options_.tenant_claim, identity.tenant},
                                            {options_.roles_claim, roles}});
    }
    return {{"authorization", token.header}};
  }

 private:
  struct Token {
    std::string header;
    Seconds expires{0};
  };

  const SigningOptions options_;
  const SigningKey key_;
  std::mutex mutex_;
  std::map<std::string, Token> cache_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Credentials>> SigningCredentials(const SigningOptions& options) {
  EMBUDO_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Read(options.private_key_pem_file));
  return std::make_shared<Signer>(options, std::move(key));
}

absl::StatusOr<std::string> PublicJwks(const std::string& private_key_pem_file) {
  EMBUDO_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Read(private_key_pem_file));
  return nlohmann::json{{"keys", nlohmann::json::array({key.public_jwk()})}}.dump();
}

}  // namespace embudo::rpc
