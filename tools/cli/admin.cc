#include <CLI/CLI.hpp>
#include <iostream>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "tools/cli/admin_tenants.h"
#include "tools/cli/commands.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::string id;
  std::string display_name;
  std::string currency;
  std::string time_zone;
  std::string region;
  int event_days = -1;
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

absl::StatusOr<int> UpdateTenant(Context& context, const Flags& flags) {
  pipeline::v1::UpdateTenantRequest request;
  type::v1::Tenant& tenant = *request.mutable_tenant();
  tenant.set_name("tenants/" + context.tenant);
  request.set_request_id(NewRequestId());
  const auto set = [&](const char* path, bool given) {
    if (given) request.mutable_update_mask()->add_paths(path);
  };
  tenant.set_display_name(flags.display_name);
  tenant.set_time_zone(flags.time_zone);
  tenant.set_region_code(flags.region);
  tenant.set_event_retention_days(flags.event_days);
  set("display_name", !flags.display_name.empty());
  set("time_zone", !flags.time_zone.empty());
  set("region_code", !flags.region.empty());
  set("event_retention_days", flags.event_days >= 0);
  EMBUDO_ASSIGN_OR_RETURN(const auto updated,
                          context.Call<type::v1::Tenant>(std::string(kService) + "UpdateTenant", request));
  context.output().Object(ToJson(updated));
  return 0;
}

struct PersonFlags {
  std::string contact;
  std::string email;
  std::string reason;
  bool contracts = false;
  bool dry_run = false;
};

constexpr char kPrivacy[] = "embudo.pipeline.v1.PrivacyService/";

template <class Request>
Request Of(const PersonFlags& flags) {
  Request request;
  if (!flags.contact.empty()) request.set_contact(NameOf("contacts", flags.contact));
  request.set_email(flags.email);
  return request;
}

absl::StatusOr<int> ErasePerson(Context& context, const PersonFlags& flags) {
  auto request = Of<pipeline::v1::ErasePersonRequest>(flags);
  request.set_reason(flags.reason);
  request.set_erase_contracts(flags.contracts);
  request.set_validate_only(flags.dry_run);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<pipeline::v1::ErasePersonResponse>(
                                                   std::string(kPrivacy) + "ErasePerson", request));
  context.output().Object(ToJson(response));
  return 0;
}

/// What came in for a lead, as it came.
absl::Status ExportSubmissions(Context& context, const std::string& lead) {
  const std::string service = "embudo.capture.v1.CaptureService/";
  capture::v1::ListSubmissionsRequest list;
  list.set_lead(lead);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> submissions,
                          ListPages<capture::v1::ListSubmissionsResponse>(
                              context, service + "ListSubmissions", list, 100000,
                              [](const capture::v1::ListSubmissionsResponse& page) { return page.submissions(); }));
  for (Json submission : submissions) {
    capture::v1::GetSubmissionContentRequest get;
    get.set_name(submission["name"].get<std::string>());
    std::string content;
    for (int64_t size = 1; get.offset() < size; get.set_offset(static_cast<int64_t>(content.size()))) {
      const auto piece = context.Call<capture::v1::GetSubmissionContentResponse>(service + "GetSubmissionContent", get);
      // What came by a call is all in the record.
      if (ReasonOf(piece.status()) == "NO_RAW_CONTENT") break;
      EMBUDO_RETURN_IF_ERROR(piece.status());
      content += piece->data();
      size = piece->data().empty() ? 0 : piece->size_bytes();
    }
    if (!content.empty()) submission["content"] = absl::Base64Escape(content);
    std::cout << Json{{"type", "Submission"}, {"record", submission}}.dump() << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<int> ExportPerson(Context& context, const PersonFlags& flags) {
  const std::string method = std::string(kPrivacy) + "ExportPerson";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  stream->Write(Of<pipeline::v1::ExportPersonRequest>(flags));
  stream->WritesDone();
  std::vector<std::string> leads;
  for (pipeline::v1::ExportPersonResponse response; stream->Read(&response);) {
    if (response.resource_type() == "Lead") {
      leads.push_back(Json::parse(response.json(), nullptr, false).value("name", ""));
    }
    std::cout << R"({"type":")" << response.resource_type() << R"(","record":)" << response.json() << "}\n";
  }
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  for (const std::string& lead : leads) EMBUDO_RETURN_IF_ERROR(ExportSubmissions(context, lead));
  return 0;
}

void AddPerson(CLI::App& admin, Context& context) {
  const auto flags = std::make_shared<PersonFlags>();
  const auto add = [&](const char* name, const char* help,
                       absl::StatusOr<int> (*action)(Context&, const PersonFlags&)) -> CLI::App& {
    CLI::App& command = *admin.add_subcommand(name, help);
    command.add_option("--contact", flags->contact, "The contact's name or id");
    command.add_option("--email", flags->email, "An address of the person");
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  CLI::App& erase = add("erase-person", "Takes a person out of all records, events and history", ErasePerson);
  erase.add_option("--reason", flags->reason, "The case, never a name")->required();
  erase.add_flag("--contracts", flags->contracts, "Out of signed quotes and orders, too");
  erase.add_flag("--dry-run", flags->dry_run, "Only tell what would go");
  add("export-person",
      "Prints all that is known of a person, and what came in (content in Base64), a JSON object a line", ExportPerson);
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
  CLI::App& update = *admin.add_subcommand("update-tenant", "Changes the caller's tenant");
  update.add_option("--display-name", flags->display_name, "The organisation's name");
  update.add_option("--time-zone", flags->time_zone, "IANA time zone of today and of months");
  update.add_option("--region", flags->region, "Region of phone numbers without country code");
  update.add_option("--event-retention-days", flags->event_days, "Days that events are kept, 1 to 400; 0: 30");
  update.callback([&context, flags] { context.command = [&context, flags] { return UpdateTenant(context, *flags); }; });
  AddPerson(admin, context);
  AddReportUpkeep(admin, context);
  AddTenants(admin, context);
  admin.add_subcommand("show-tenant", "The caller's tenant")->callback([&context] {
    context.command = [&context] { return ShowTenant(context); };
  });
}

}  // namespace embudo::cli
