#include <array>
#include <utility>

#include "common/rpc/authenticator.h"
#include "common/rpc/client.h"
#include "common/rpc/roles.h"

namespace embudo::rpc {
namespace {

constexpr char kTenantHeader[] = "x-embudo-tenant";
constexpr char kActorHeader[] = "x-embudo-actor";
constexpr char kRolesHeader[] = "x-embudo-roles";

/// Acts for the whole installation.
constexpr char kNoTenant[] = "-";

class DevIdentity final : public Authenticator {
 public:
  absl::StatusOr<Identity> Authenticate(const MetadataLookup& metadata) override {
    const auto entry = [&metadata](const char* name, std::string_view fallback) {
      const std::string_view value = metadata(name);
      return std::string(value.empty() ? fallback : value);
    };
    Identity identity;
    identity.tenant = entry(kTenantHeader, "demo");
    if (identity.tenant == kNoTenant) identity.tenant.clear();
    identity.actor = entry(kActorHeader, "users/admin");
    identity.roles = ParseRoles(entry(kRolesHeader, "admin"));
    return identity;
  }

  bool development() const override { return true; }
};

class DevHeaders final : public Credentials {
 public:
  std::vector<std::pair<std::string, std::string>> Metadata(const Identity& identity) override {
    std::vector<std::pair<std::string, std::string>> out;
    const auto add = [&out](const char* name, const std::string& value) {
      if (!value.empty()) out.emplace_back(name, value);
    };
    add(kTenantHeader, identity.tenant.empty() ? kNoTenant : identity.tenant);
    add(kActorHeader, identity.actor);
    add(kRolesHeader, FormatRoles(identity.roles, ","));
    return out;
  }
};

}  // namespace

std::shared_ptr<Authenticator> DevAuthenticator() { return std::make_shared<DevIdentity>(); }
std::shared_ptr<Credentials> DevCredentials() { return std::make_shared<DevHeaders>(); }

}  // namespace embudo::rpc
