#include "tools/cli/admin_tenants.h"

#include <iostream>

#include "common/base/error.h"
#include "embudo/pipeline/v1/audit_service.pb.h"
#include "embudo/pipeline/v1/retention_service.pb.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"
#include "embudo/type/v1/tenant_data.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::string id;
  std::string reason;
  int retention_days = -1;
  int64_t reads = -1, writes = -1, bulk = -1, streams = -1, storage_bytes = -1;
  std::string filter;
  int limit = 50;
};

constexpr char kTenancy[] = "embudo.pipeline.v1.TenancyService/";

/// Operators act for the installation.
template <class Response>
absl::StatusOr<int> CallAsOperator(Context& context, const char* method, const google::protobuf::Message& request) {
  context.tenant.clear();
  EMBUDO_ASSIGN_OR_RETURN(const Response response, context.Call<Response>(std::string(kTenancy) + method, request));
  context.output().Object(ToJson(response));
  return 0;
}

template <class Request>
Request Of(const Flags& flags) {
  Request request;
  request.set_name("tenants/" + flags.id);
  return request;
}

absl::StatusOr<int> Suspend(Context& context, const Flags& flags) {
  auto request = Of<pipeline::v1::SuspendTenantRequest>(flags);
  request.set_reason(flags.reason);
  return CallAsOperator<pipeline::v1::TenantStanding>(context, "SuspendTenant", request);
}

absl::StatusOr<int> Resume(Context& context, const Flags& flags) {
  return CallAsOperator<pipeline::v1::TenantStanding>(context, "ResumeTenant",
                                                      Of<pipeline::v1::ResumeTenantRequest>(flags));
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  auto request = Of<pipeline::v1::DeleteTenantRequest>(flags);
  request.set_reason(flags.reason);
  if (flags.retention_days >= 0) request.mutable_retention()->set_seconds(int64_t{86400} * flags.retention_days);
  return CallAsOperator<pipeline::v1::TenantStanding>(context, "DeleteTenant", request);
}

absl::StatusOr<int> Undelete(Context& context, const Flags& flags) {
  return CallAsOperator<pipeline::v1::TenantStanding>(context, "UndeleteTenant",
                                                      Of<pipeline::v1::UndeleteTenantRequest>(flags));
}

absl::StatusOr<int> ShowStanding(Context& context, const Flags& flags) {
  pipeline::v1::GetTenantStandingRequest request;
  request.set_name("tenants/" + flags.id + "/standing");
  return CallAsOperator<pipeline::v1::TenantStanding>(context, "GetTenantStanding", request);
}

/// Shows the limits, or sets those that are given.
absl::StatusOr<int> Limits(Context& context, const Flags& flags) {
  const std::string name = "tenants/" + flags.id + "/limits";
  pipeline::v1::UpdateTenantLimitsRequest update;
  pipeline::v1::TenantLimits& limits = *update.mutable_limits();
  limits.set_name(name);
  const auto set = [&](const char* path, int64_t value, void (pipeline::v1::TenantLimits::*setter)(int64_t)) {
    if (value < 0) return;
    (limits.*setter)(value);
    update.mutable_update_mask()->add_paths(path);
  };
  set("reads_per_second", flags.reads, &pipeline::v1::TenantLimits::set_reads_per_second);
  set("writes_per_second", flags.writes, &pipeline::v1::TenantLimits::set_writes_per_second);
  set("bulk_per_second", flags.bulk, &pipeline::v1::TenantLimits::set_bulk_per_second);
  set("streams", flags.streams, &pipeline::v1::TenantLimits::set_streams);
  set("storage_bytes", flags.storage_bytes, &pipeline::v1::TenantLimits::set_storage_bytes);
  if (update.update_mask().paths_size() > 0) {
    return CallAsOperator<pipeline::v1::TenantLimits>(context, "UpdateTenantLimits", update);
  }
  pipeline::v1::GetTenantLimitsRequest get;
  get.set_name(name);
  return CallAsOperator<pipeline::v1::TenantLimits>(context, "GetTenantLimits", get);
}

/// One service after the other, each in one snapshot.
absl::StatusOr<int> Export(Context& context, const Flags& flags) {
  if (!flags.id.empty()) context.tenant.clear();
  const std::string tenant = flags.id.empty() ? context.tenant : flags.id;
  for (const char* service : {"pipeline", "capture", "scoring", "automation", "reporting"}) {
    const std::string method = "embudo." + std::string(service) + ".v1.TenantDataService/ExportTenantData";
    type::v1::ExportTenantDataRequest request;
    request.set_name("tenants/" + tenant);
    const auto stream = context.ClientOf(method).Stream(method, context.identity());
    stream->Write(request);
    stream->WritesDone();
    for (type::v1::ExportTenantDataResponse piece; stream->Read(&piece);) std::cout << piece.data();
    EMBUDO_RETURN_IF_ERROR(stream->Finish());
  }
  return 0;
}

absl::StatusOr<int> Audit(Context& context, const Flags& flags) {
  pipeline::v1::ListAuditEntriesRequest request;
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<pipeline::v1::ListAuditEntriesResponse>(
                              context, "embudo.pipeline.v1.AuditService/ListAuditEntries", request, flags.limit,
                              [](const auto& page) { return page.audit_entries(); }));
  context.output().Rows(rows, {{"time", "create_time"},
                               {"actor", "actor"},
                               {"method", "method"},
                               {"subject", "subject"},
                               {"code", "code"},
                               {"reason", "reason"}});
  return 0;
}

struct RetentionFlags {
  int lost_lead_days = -1, submission_days = -1, mail_days = -1, audit_days = -1;
  bool dry_run = false;
};

constexpr char kRetention[] = "embudo.pipeline.v1.RetentionService/";
constexpr char kSettings[] = "retentionSettings/default";

/// Shows the settings, or sets those that are given.
absl::StatusOr<int> Retention(Context& context, const RetentionFlags& flags) {
  pipeline::v1::UpdateRetentionSettingsRequest update;
  pipeline::v1::RetentionSettings& settings = *update.mutable_retention_settings();
  settings.set_name(kSettings);
  const auto set = [&](const char* path, int value, void (pipeline::v1::RetentionSettings::*setter)(int32_t)) {
    if (value < 0) return;
    (settings.*setter)(value);
    update.mutable_update_mask()->add_paths(path);
  };
  set("lost_lead_days", flags.lost_lead_days, &pipeline::v1::RetentionSettings::set_lost_lead_days);
  set("submission_days", flags.submission_days, &pipeline::v1::RetentionSettings::set_submission_days);
  set("mail_days", flags.mail_days, &pipeline::v1::RetentionSettings::set_mail_days);
  set("audit_days", flags.audit_days, &pipeline::v1::RetentionSettings::set_audit_days);
  pipeline::v1::GetRetentionSettingsRequest get;
  get.set_name(kSettings);
  EMBUDO_ASSIGN_OR_RETURN(
      const auto now,
      update.update_mask().paths_size() > 0
          ? context.Call<pipeline::v1::RetentionSettings>(std::string(kRetention) + "UpdateRetentionSettings", update)
          : context.Call<pipeline::v1::RetentionSettings>(std::string(kRetention) + "GetRetentionSettings", get));
  context.output().Object(ToJson(now));
  return 0;
}

absl::StatusOr<int> ApplyRetention(Context& context, const RetentionFlags& flags) {
  pipeline::v1::ApplyRetentionRequest request;
  request.set_name(kSettings);
  request.set_validate_only(flags.dry_run);
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<pipeline::v1::ApplyRetentionResponse>(
                                                   std::string(kRetention) + "ApplyRetention", request));
  context.output().Object(ToJson(response));
  return 0;
}

void AddRetention(CLI::App& admin, Context& context) {
  const auto flags = std::make_shared<RetentionFlags>();
  CLI::App& settings = *admin.add_subcommand("retention", "Shows how long what names persons is kept, or sets it");
  const auto days = [&](const char* name, int& value, const char* help) {
    settings.add_option(name, value, help)->check(CLI::Range(0, 36500));
  };
  days("--lost-lead-days", flags->lost_lead_days, "Persons of lost and archived leads; 0: for ever");
  days("--submission-days", flags->submission_days, "Content of forms, mails and webhooks that came in");
  days("--mail-days", flags->mail_days, "Addresses of mails that went out");
  days("--audit-days", flags->audit_days, "The audit log; at least 30");
  settings.callback([&context, flags] { context.command = [&context, flags] { return Retention(context, *flags); }; });
  CLI::App& apply = *admin.add_subcommand("apply-retention", "Does now what the settings ask of the pipeline service");
  apply.add_flag("--dry-run", flags->dry_run, "Only tell what would go");
  apply.callback(
      [&context, flags] { context.command = [&context, flags] { return ApplyRetention(context, *flags); }; });
}

}  // namespace

void AddTenants(CLI::App& admin, Context& context) {
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help,
                       absl::StatusOr<int> (*action)(Context&, const Flags&)) -> CLI::App& {
    CLI::App& command = *admin.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  const auto id = [&](CLI::App& command) -> CLI::App& {
    command.add_option("id", flags->id, "The tenant's id")->required();
    return command;
  };
  constexpr char kWhy[] = "Why, for other operators";
  id(add("suspend-tenant", "Serves a tenant no more, until it is resumed; needs credentials without a tenant", Suspend))
      .add_option("--reason", flags->reason, kWhy);
  id(add("resume-tenant", "Serves a suspended tenant again", Resume));
  CLI::App& remove = id(add("delete-tenant", "Serves a tenant no more, and takes all that is kept of it away", Delete));
  remove.add_option("--reason", flags->reason, kWhy);
  remove.add_option("--retention-days", flags->retention_days, "How long it can be undeleted; 30 without it")
      ->check(CLI::Range(0, 366));
  id(add("undelete-tenant", "Takes a deletion back", Undelete));
  id(add("tenant-standing", "Whether a tenant is served", ShowStanding));
  CLI::App& limits = id(add("tenant-limits",
                            "Shows a tenant's limits, or sets those that are given; 0: the "
                            "installation's",
                            Limits));
  limits.add_option("--reads", flags->reads, "Reads a second");
  limits.add_option("--writes", flags->writes, "Writes a second");
  limits.add_option("--bulk", flags->bulk, "Batches, operations and new streams a second");
  limits.add_option("--streams", flags->streams, "Streams at once");
  limits.add_option("--storage-bytes", flags->storage_bytes, "Bytes of files, and of what comes in");
  add("export-tenant", "Prints every row that any service keeps of a tenant, a JSON object a line", Export)
      .add_option("id", flags->id, "The tenant's id; the caller's own without it");
  CLI::App& audit = add("audit", "Who changed settings, exported, erased: the newest first", Audit);
  audit.add_option("--filter", flags->filter, "Such as 'actor = \"users/jane\"'");
  AddRetention(admin, context);
  audit.add_option("--limit", flags->limit, "At most so many")->check(CLI::Range(1, 100000));
}

}  // namespace embudo::cli
