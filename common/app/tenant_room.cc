#include "common/app/tenant_room.h"

#include <utility>

#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/tenancy/purger.h"
#include "common/tenancy/rows.h"
#include "embudo/pipeline/v1/audit_service.pb.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"

namespace embudo::tenancy {
namespace {

/// For the reading of standings, the purge, and exports, which open their own.
constexpr int kConnections = 2;
constexpr int kExports = 2;
constexpr int kWaitingSteps = 16;
/// Answers wait for it.
constexpr std::chrono::milliseconds kKeepTime{2000};

rpc::Identity Self(const std::string& service, const std::string& tenant) {
  rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = "services/" + service;
  identity.roles = {type::v1::ROLE_SERVICE};
  return identity;
}

/// What it holds, in the order that it is built in.
struct Room {
  explicit Room(const app::Environment& environment)
      : service(environment.config.service),
        pool(db::ConninfoFor(environment.config.postgres, service + "_worker", "embudo-" + service + "-tenants"),
             kConnections),
        pipeline({environment.config.pipeline_target, environment.credentials}),
        tenants(
            OptionsOf(environment.config), pool,
            [this](const std::string& tenant, const std::vector<rpc::AuditRecord>& records,
                   const std::vector<std::string>& ids,
                   const std::vector<Time>& times) { return Keep(tenant, records, ids, times); },
            environment.clock, environment.metrics),
        purger(service, tenants, pool, [this](const std::string& tenant) { return TellPurged(tenant); }) {}

  absl::Status Keep(const std::string& tenant, const std::vector<rpc::AuditRecord>& records,
                    const std::vector<std::string>& ids, const std::vector<Time>& times) {
    pipeline::v1::RecordAuditEntriesRequest request;
    for (size_t i = 0; i < records.size(); ++i) {
      const rpc::AuditRecord& record = records[i];
      auto& entry = *request.add_audit_entries();
      entry.set_name("auditEntries/" + ids[i]);
      *entry.mutable_create_time() = ToTimestamp(times[i]);
      entry.set_actor(record.actor);
      entry.set_roles(record.roles);
      entry.set_method(record.method);
      entry.set_subject(record.resource);
      entry.set_code(record.code);
      entry.set_reason(record.reason);
      entry.set_call_id(record.call_id);
      entry.set_peer(record.peer);
    }
    return pipeline
        .Call<pipeline::v1::RecordAuditEntriesResponse>("embudo.pipeline.v1.AuditService/RecordAuditEntries",
                                                        Self(service, tenant), request, kKeepTime)
        .status();
  }

  absl::Status TellPurged(const std::string& tenant) {
    pipeline::v1::RecordTenantPurgeRequest request;
    request.set_name("tenants/" + tenant);
    request.set_service(service);
    // For the installation: nobody acts for that tenant any more.
    return pipeline
        .Call<pipeline::v1::RecordTenantPurgeResponse>("embudo.pipeline.v1.TenancyService/RecordTenantPurge",
                                                       Self(service, ""), request)
        .status();
  }

  const std::string service;
  db::Pool pool;
  rpc::Client pipeline;
  Tenants tenants;
  Purger purger;
};

}  // namespace

Tenants::Options OptionsOf(const app::Config& config) {
  Tenants::Options options;
  options.service = config.service;
  options.limits.rates = {config.tenant_reads, config.tenant_writes, config.tenant_bulk};
  options.limits.streams = config.tenant_streams;
  options.limits.storage_bytes = config.tenant_storage_bytes;
  options.replicas = config.replicas;
  return options;
}

std::unique_ptr<rpc::Service> MakeDataService(const std::string& schema, db::Pool& pool) {
  // Its messages are those of all services, so that none of them knows it.
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "embudo." + schema + ".v1.TenantDataService");
  auto service = std::make_unique<rpc::Service>(descriptor);
  const auto executor = std::make_shared<rpc::Executor>(kExports, kWaitingSteps);
  service->Bidi("ExportTenantData",
                rpc::StepStreams(executor, [&pool, schema](const google::protobuf::Message& request) {
                  return ExportSteps(pool, schema, request);
                }));
  return service;
}

std::shared_ptr<Tenants> Bind(const app::Environment& environment, app::Bindings& bindings) {
  const auto room = std::make_shared<Room>(environment);
  std::shared_ptr<Tenants> tenants(room, &room->tenants);
  bindings.gate = tenants;
  bindings.services.push_back(MakeDataService(room->service, room->pool));
  bindings.background.insert(bindings.background.begin(), tenants);
  bindings.background.emplace_back(room, &room->purger);
  return tenants;
}

}  // namespace embudo::tenancy
