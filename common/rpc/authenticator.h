#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"

namespace embudo::rpc {

/// Looks a metadata entry of the call up by its lower-case name; empty if it is not there.
using MetadataLookup = std::function<std::string_view(std::string_view name)>;

/// Tells who calls. Runs on gRPC's threads: it never blocks (keys are fetched in the background). Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// UNAUTHENTICATED with a reason (TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED) if it can't be told.
  virtual absl::StatusOr<Identity> Authenticate(const MetadataLookup& metadata) = 0;
  /// Whether it believes unsigned headers; such a server binds to loopback only.
  virtual bool development() const { return false; }
};

/// Believes the headers `x-embudo-tenant`, `x-embudo-actor` (`users/…`) and `x-embudo-roles` (comma-separated: rep,
/// manager, admin, service), with defaults demo, users/admin, admin.
std::shared_ptr<Authenticator> DevAuthenticator();

struct JwtOptions {
  /// JWKS (RFC 7517) as file path or http(s) URL; read again every refresh interval and when an unknown kid comes.
  std::string jwks;
  std::chrono::seconds refresh{300};
  /// Required `iss` and `aud`; empty: not checked.
  std::string issuer;
  std::string audience;
  /// Names of the claims that hold the tenant's id and the roles (array or space-separated text).
  std::string tenant_claim = "tenant";
  std::string roles_claim = "roles";
};

/// Verifies bearer tokens, RS256 and ES256. Verified tokens are cached until they expire.
absl::StatusOr<std::shared_ptr<Authenticator>> JwtAuthenticator(const JwtOptions& options, const Clock& clock);

}  // namespace embudo::rpc
