#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::string id;
  std::string display_name;
  std::string currency;
  std::string time_zone;
  std::string region;
};

constexpr char kService[] = "embudo.pipeline.v1.TenantService/";

absl::StatusOr<int> CreateTenant(Context& context, const Flags& flags) {
  // An administrator of one tenant can't create another.
  context.tenant = flags.id;
  pipeline::v1::CreateTenantRequest request;
  request.set_tenant_id(flags.id);
  request.set_request_id(NewRequestId());
  type::v1::Tenant& tenant = *request.mutable_tenant();
  tenant.set_display_name(flags.display_name.empty() ? flags.id : flags.display_name);
  tenant.set_currency_code(flags.currency);
  tenant.set_time_zone(flags.time_zone);
  tenant.set_region_code(flags.region);
  const auto created = context.Call<type::v1::Tenant>(std::string(kService) + "CreateTenant", request);
  // Whoever sets an installation up runs this again and again.
  if (created.status().code() == absl::StatusCode::kAlreadyExists) {
    context.output().Object({{"name", "tenants/" + flags.id}, {"created", false}});
    return 0;
  }
  EMBUDO_RETURN_IF_ERROR(created.status());
  Json json = ToJson(*created);
  json["created"] = true;
  context.output().Object(json);
  return 0;
}

absl::StatusOr<int> ShowTenant(Context& context) {
  pipeline::v1::GetTenantRequest request;
  request.set_name("tenants/" + context.tenant);
  EMBUDO_ASSIGN_OR_RETURN(const auto tenant,
                          context.Call<type::v1::Tenant>(std::string(kService) + "GetTenant", request));
  context.output().Object(ToJson(tenant));
  return 0;
}

}  // namespace

void AddAdmin(CLI::App& app, Context& context) {
  CLI::App& admin = *app.add_subcommand("admin", "The installation and its tenants");
  admin.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  CLI::App& create = *admin.add_subcommand("create-tenant", "Creates a tenant, unless it is there");
  create.add_option("id", flags->id, "3 to 40 of a-z, 0-9 and '-'")->required();
  create.add_option("--display-name", flags->display_name, "The organisation's name; the id without it");
  create.add_option("--currency", flags->currency, "ISO 4217 code that amounts are summed in; USD without it");
  create.add_option("--time-zone", flags->time_zone, "IANA time zone of today and of months; UTC without it");
  create.add_option("--region", flags->region, "Region of phone numbers without country code; US without it");
  create.callback([&context, flags] { context.command = [&context, flags] { return CreateTenant(context, *flags); }; });
  admin.add_subcommand("show-tenant", "The caller's tenant")->callback([&context] {
    context.command = [&context] { return ShowTenant(context); };
  });
}

}  // namespace embudo::cli
