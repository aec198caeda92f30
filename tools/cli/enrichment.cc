#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/capture/v1/enrichment_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/mapping.h"
#include "tools/cli/pages.h"
#include "tools/cli/upload.h"

namespace embudo::cli {
namespace {

namespace api = capture::v1;
using api::EnrichmentProvider;

const std::string kService = "embudo.capture.v1.EnrichmentService/";

struct Flags {
  std::string name;
  std::string file;
  std::string uri;
  std::string key_file;
  std::string key_header;
  std::string key_prefix;
  std::string domain_column;
  std::vector<std::string> set;
  std::vector<std::string> mappings;
  bool force = false;
};

absl::StatusOr<int> Providers(Context& context, const Flags&) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<api::ListEnrichmentProvidersResponse>(
                              context, kService + "ListEnrichmentProviders", api::ListEnrichmentProvidersRequest(),
                              100000, [](const auto& page) { return page.enrichment_providers(); }));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"RANK", "rank"},
                               {"ADDRESS", "http.uri"},
                               {"COMPANIES", "company_list.company_count"},
                               {"CREDITS", "credits_per_match"},
                               {"DISABLED", "disabled"}});
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  api::CreateEnrichmentProviderRequest request;
  EnrichmentProvider& provider = *request.mutable_enrichment_provider();
  provider.set_display_name(flags.name);
  if (flags.uri.empty()) {
    provider.mutable_company_list()->set_domain_column(flags.domain_column);
  } else {
    provider.mutable_http()->set_uri(flags.uri);
    provider.mutable_http()->set_key_file(flags.key_file);
    provider.mutable_http()->set_key_header(flags.key_header);
    provider.mutable_http()->set_key_prefix(flags.key_prefix);
  }
  EMBUDO_RETURN_IF_ERROR(SetFields(provider, flags.set, nullptr));
  EMBUDO_RETURN_IF_ERROR(AddMappings(flags.mappings, provider.mutable_fields()));
  request.set_enrichment_provider_id(flags.name);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto made,
                          context.Call<EnrichmentProvider>(kService + "CreateEnrichmentProvider", request));
  context.output().Object(ToJson(made));
  return 0;
}

absl::StatusOr<int> Load(Context& context, const Flags& flags) {
  api::LoadCompanyListRequest request;
  request.set_name(NameOf("enrichmentProviders", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(*request.mutable_file(), UploadFile(context, flags.file));
  EMBUDO_ASSIGN_OR_RETURN(const auto loaded,
                          context.Call<api::LoadCompanyListResponse>(kService + "LoadCompanyList", request));
  Json figures = ToJson(loaded);
  figures.erase("enrichment_provider");
  context.output().Object(figures);
  return 0;
}

absl::StatusOr<int> Enrich(Context& context, const Flags& flags) {
  api::EnrichLeadRequest request;
  request.set_lead(NameOf("leads", flags.name));
  request.set_force(flags.force);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto enrichment, context.Call<api::Enrichment>(kService + "EnrichLead", request));
  context.output().Object(ToJson(enrichment));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags&) {
  EMBUDO_ASSIGN_OR_RETURN(
      const std::vector<Json> rows,
      ListPages<api::ListEnrichmentsResponse>(context, kService + "ListEnrichments", api::ListEnrichmentsRequest(),
                                              1000, [](const auto& page) { return page.enrichments(); }));
  context.output().Rows(rows, {{"TIME", "create_time"},
                               {"LEAD", "lead"},
                               {"DOMAIN", "domain"},
                               {"STATE", "state"},
                               {"REASON", "reason"},
                               {"PROVIDER", "provider"},
                               {"CREDITS", "credits"}});
  return 0;
}

absl::StatusOr<int> Usage(Context& context, const Flags&) {
  EMBUDO_ASSIGN_OR_RETURN(const auto usage, context.Call<api::EnrichmentUsage>(kService + "GetEnrichmentUsage",
                                                                               api::GetEnrichmentUsageRequest()));
  context.output().Object(ToJson(usage));
  return 0;
}

}  // namespace

void AddEnrichment(CLI::App& app, Context& context) {
  CLI::App& group = *app.add_subcommand("enrichment", "Fills what leads lack with what others know of their companies");
  group.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help,
                       absl::StatusOr<int> (*action)(Context&, const Flags&)) -> CLI::App& {
    CLI::App& command = *group.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  add("providers", "Who is asked, in order", Providers);
  CLI::App& create = add("create", "Adds a provider: a service on the web (--uri), else a list of companies", Create);
  create.add_option("id", flags->name, "The id that it gets: a-z, 0-9 and '-'")->required();
  create.add_option("--uri", flags->uri, "Address of the service, with {domain} or {email}");
  create.add_option("--key-file", flags->key_file, "File in the tenant's directory of secrets that holds its key");
  create.add_option("--key-header", flags->key_header, "Header that the key is sent in; Authorization if not given");
  create.add_option("--key-prefix", flags->key_prefix, "What stands before it there, such as 'Bearer '");
  create.add_option("--domain-column", flags->domain_column, "Column of a list with the domain; domain if not given");
  create.add_option("--set", flags->set, "field=value; may be given several times");
  create.add_option("--map", flags->mappings, kMappingHelp);
  CLI::App& load = add("load", "Puts the companies of a CSV file in the place of a list's", Load);
  load.add_option("provider", flags->name, "Its name or id")->required();
  load.add_option("file", flags->file, "The CSV file")->required();
  CLI::App& lead = add("lead", "Enriches a lead", Enrich);
  lead.add_option("lead", flags->name, "Its name or id")->required();
  lead.add_flag("--force", flags->force, "Also if it was enriched before");
  add("list", "The last 1,000 enrichments", List);
  add("usage", "Credits spent this month", Usage);
}

}  // namespace embudo::cli
