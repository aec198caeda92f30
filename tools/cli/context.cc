#include "tools/cli/context.h"

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/rpc/roles.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "tools/cli/access.h"

namespace embudo::cli {

Context::Context() {
  int port = 7001;
  for (const char* service : {"pipeline", "capture", "scoring", "automation", "reporting"}) {
    targets[service] = "127.0.0.1:" + std::to_string(port++);
  }
}

rpc::Identity Context::identity() const {
  rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = actor;
  identity.roles = rpc::ParseRoles(roles);
  return identity;
}

rpc::Client& Context::ClientOf(std::string_view method) {
  const size_t begin = method.find('.') + 1;
  const std::string service(method.substr(begin, method.find('.', begin) - begin));
  auto& client = clients_[service];
  if (client == nullptr) {
    rpc::ClientOptions options;
    options.target = targets[service];
    options.credentials = CredentialsFor(token);
    options.default_timeout = std::chrono::seconds(timeout_seconds);
    client = std::make_unique<rpc::Client>(options);
  }
  return *client;
}

absl::Status Context::CheckTenant() {
  if (!token.empty()) return absl::OkStatus();  // its tenant is in the token
  constexpr char kMethod[] = "embudo.pipeline.v1.TenantService/GetTenant";
  constexpr std::chrono::seconds kPatience{2};
  pipeline::v1::GetTenantRequest request;
  request.set_name("tenants/" + tenant);
  const absl::Status status =
      ClientOf(kMethod).Call<type::v1::Tenant>(kMethod, identity(), request, kPatience).status();
  return absl::IsNotFound(status) ? status : absl::OkStatus();
}

std::string NewRequestId() { return Uuid::V7(Clock::System().Now()).ToString(); }

std::string NameOf(const std::string& collection, const std::string& id_or_name) {
  return id_or_name.find('/') == std::string::npos ? collection + "/" + id_or_name : id_or_name;
}

}  // namespace embudo::cli
