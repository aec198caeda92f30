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
/// manager, admin, service), with defaults demo, users/admin, admin. The tenant `-` is none: an operator.
std::shared_ptr<Authenticator> DevAuthenticator();

struct JwtOptions {
  /// JWKS (RFC 7517) as file path or http(s) URL, several separated by commas (the customer's identity provider and
  /// Embudo's own services); read again every refresh interval and when an unknown kid comes.
  std::string jwks;
  std::chrono::seconds refresh{300};
  /// Least time between two readings, however many unknown kids come.
  std::chrono::milliseconds soonest_refresh{5000};
  /// Required `iss`; empty: not checked. Several separated by commas: one per JWKS, and a key set then speaks for its
  /// own issuer only.
  std::string issuer;
  /// `aud` must hold one of these, separated by commas; empty: not checked.
  std::string audience;
  /// Names of the claims that hold the tenant's id and the roles (array or space-separated text). A dot leads into an
  /// object, where no claim has the whole name (`realm_access.roles`).
  std::string tenant_claim = "tenant";
  std::string roles_claim = "roles";
};

/// Verifies bearer tokens, RS256 and ES256, with 60 s of leeway. Verified tokens are cached until they expire. The
/// claim `sub` is the caller: a resource name as it is (`users/jane`), else the id of a user, or of a service if its
/// only role is service. INVALID_ARGUMENT if the options do not fit together; a key set that cannot be read at first is
/// only logged, and until it can be, callers get UNAVAILABLE (KEYS_UNAVAILABLE).
absl::StatusOr<std::shared_ptr<Authenticator>> JwtAuthenticator(const JwtOptions& options, const Clock& clock);

}  // namespace embudo::rpc
