#include "common/base/error.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "services/pipeline/logic/defaults.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Tenant;

absl::Status CheckCaller(const CallContext& call, const std::string& tenant_id) {
  const bool own = call.tenant().empty() || call.tenant() == tenant_id;
  if (own || call.identity.Has(type::v1::ROLE_SERVICE)) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "OTHER_TENANT",
               "an administrator of one tenant can't create another");
}

Tenant TenantOf(const v1::CreateTenantRequest& request) {
  Tenant tenant = request.tenant();
  tenant.set_name("tenants/" + request.tenant_id());
  if (tenant.currency_code().empty()) tenant.set_currency_code("USD");
  if (tenant.time_zone().empty()) tenant.set_time_zone("UTC");
  if (tenant.region_code().empty()) tenant.set_region_code("US");
  tenant.clear_create_time();
  return tenant;
}

// Records that are there already, from a run that was cut off, are left as they are.
template <class Record>
absl::Status Seed(Records& records, resource::Resource& resource, const CallContext& call, const Record& record) {
  auto copy = std::make_unique<Record>(record);
  EMBUDO_ASSIGN_OR_RETURN(resource::Change change, resource.NewChange(call, std::move(copy), v1::GetTenantRequest()));
  const auto written = records.writer().Write(call.tenant(), std::move(change), call.deadline);
  return written.status().code() == absl::StatusCode::kAlreadyExists ? absl::OkStatus() : written.status();
}

absl::Status SeedDefaults(Records& records, const CallContext& call) {
  const logic::Defaults defaults = logic::DefaultsOfTenant();
  EMBUDO_RETURN_IF_ERROR(Seed(records, records.pipelines(), call, defaults.pipeline));
  for (const auto& stage : defaults.stages) EMBUDO_RETURN_IF_ERROR(Seed(records, records.stages(), call, stage));
  EMBUDO_RETURN_IF_ERROR(Seed(records, records.teams(), call, defaults.team));
  for (const auto& reason : defaults.lost_reasons) {
    EMBUDO_RETURN_IF_ERROR(Seed(records, records.lost_reasons(), call, reason));
  }
  for (const auto& type : defaults.activity_types) {
    EMBUDO_RETURN_IF_ERROR(Seed(records, records.activity_types(), call, type));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tenant> CreateTenant(Records& records, const CallContext& caller,
                                    const v1::CreateTenantRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckCaller(caller, request.tenant_id()));
  CallContext call = caller;
  call.identity.tenant = request.tenant_id();
  EMBUDO_ASSIGN_OR_RETURN(resource::Change change,
                          records.tenants().NewChange(call, std::make_unique<Tenant>(TenantOf(request)), request));
  Tenant tenant = static_cast<const Tenant&>(*change.after.message);
  const auto written = records.writer().Write(call.tenant(), std::move(change), call.deadline);
  // The defaults come even if the tenant is there: an earlier run may have been cut off between the two.
  if (written.ok() || written.status().code() == absl::StatusCode::kAlreadyExists) {
    call.identity.origin = type::v1::ORIGIN_SYSTEM;
    EMBUDO_RETURN_IF_ERROR(SeedDefaults(records, call));
  }
  if (!written.ok()) return written.status();
  if (written->replayed != nullptr) tenant = static_cast<const Tenant&>(*written->replayed);
  return tenant;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeTenantService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetTenantRequest::descriptor()->file()->service(0));
  service->Unary<v1::CreateTenantRequest, Tenant>(
      "CreateTenant", [&records](const CallContext& call, const v1::CreateTenantRequest& request) {
        return CreateTenant(records, call, request);
      });
  records.tenants().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
