#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::string filter;
  std::string order_by;
  int limit = 100;
};

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  context.tenant.clear();  // operators act for the installation
  pipeline::v1::ListTenantsRequest request;
  request.set_filter(flags.filter);
  request.set_order_by(flags.order_by);
  EMBUDO_ASSIGN_OR_RETURN(
      const std::vector<Json> rows,
      ListPages<pipeline::v1::ListTenantsResponse>(context, "embudo.pipeline.v1.TenancyService/ListTenants", request,
                                                   flags.limit, [](const auto& page) { return page.tenants(); }));
  context.output().Rows(rows, {{"TENANT", "name"},
                               {"TITLE", "display_name"},
                               {"STATE", "state"},
                               {"REASON", "reason"},
                               {"PURGE TIME", "purge_time"},
                               {"CREATE TIME", "create_time"}});
  return 0;
}

}  // namespace

void AddTenant(CLI::App& app, Context& context) {
  CLI::App& tenant = *app.add_subcommand("tenant", "The installation's tenants; see also admin");
  tenant.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  CLI::App& list = *tenant.add_subcommand("list", "Lists them; needs credentials without a tenant");
  list.add_option("--filter", flags->filter, "Such as 'state = SUSPENDED'");
  list.add_option("--order-by", flags->order_by, "Such as 'create_time desc'; by name without it");
  list.add_option("--limit", flags->limit, "At most so many")->check(CLI::Range(1, 100000));
  list.callback([&context, flags] { context.command = [&context, flags] { return List(context, *flags); }; });
}

}  // namespace embudo::cli
