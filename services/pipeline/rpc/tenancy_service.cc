// What operators decide about tenants. Their callers act for the installation: no tenant is in their credentials.

#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_name.h"
#include "common/resource/mask.h"
#include "services/pipeline/rpc/tenancy.h"
#include "services/pipeline/storage/tenancy_store.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using v1::TenantLimits;
using v1::TenantStanding;
using State = v1::TenantStanding;

constexpr std::chrono::hours kRetention{24 * 30};
constexpr std::chrono::hours kLongestRetention{24 * 366};

absl::Status CheckOperator(const CallContext& call) {
  if (call.tenant().empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "OPERATOR_REQUIRED",
               "only callers without a tenant decide about tenants")
      .Meta("method", call.method);
}

absl::StatusOr<std::string> TenantIn(const char* pattern, const std::string& name, const char* field) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(ResourcePattern(pattern), name, field));
  return ids[0];
}

absl::Status Deleted(const TenantStanding& standing) {
  if (standing.state() == State::STATE_DELETED || standing.state() == State::STATE_PURGING) {
    return Error(absl::StatusCode::kFailedPrecondition, "TENANT_DELETED", "the tenant is deleted")
        .Resource("embudo.dev/TenantStanding", standing.name());
  }
  return absl::OkStatus();
}

/// The frame of all that changes a standing.
template <class Request>
absl::StatusOr<TenantStanding> Change(const TenancyRoom& room, const CallContext& call, const Request& request,
                                      const std::function<absl::Status(TenantStanding&)>& change) {
  EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
  EMBUDO_ASSIGN_OR_RETURN(const std::string tenant, TenantIn("tenants/{tenant}", request.name(), "name"));
  auto standing =
      storage::ChangeStanding(room.pool, tenant, request.etag(), request.validate_only(), call.deadline, change);
  if (standing.ok() && !request.validate_only()) room.changed();
  return standing;
}

absl::StatusOr<TenantStanding> Suspend(const TenancyRoom& room, const CallContext& call,
                                       const v1::SuspendTenantRequest& request) {
  return Change(room, call, request, [&](TenantStanding& standing) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(Deleted(standing));
    if (standing.state() == State::STATE_SUSPENDED) return absl::OkStatus();
    standing.set_state(State::STATE_SUSPENDED);
    standing.set_reason(request.reason());
    *standing.mutable_suspend_time() = ToTimestamp(room.clock.Now());
    return absl::OkStatus();
  });
}

void Activate(TenantStanding& standing) {
  const std::string name = standing.name();
  const std::string etag = standing.etag();
  standing.Clear();
  standing.set_name(name);
  standing.set_etag(etag);
  standing.set_state(State::STATE_ACTIVE);
}

absl::StatusOr<TenantStanding> Resume(const TenancyRoom& room, const CallContext& call,
                                      const v1::ResumeTenantRequest& request) {
  return Change(room, call, request, [&](TenantStanding& standing) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(Deleted(standing));
    Activate(standing);
    return absl::OkStatus();
  });
}

absl::StatusOr<TenantStanding> Delete(const TenancyRoom& room, const CallContext& call,
                                      const v1::DeleteTenantRequest& request) {
  std::chrono::seconds retention = kRetention;
  if (request.has_retention()) retention = std::chrono::seconds(request.retention().seconds());
  if (retention.count() < 0 || retention > kLongestRetention) {
    EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
    return InvalidField("retention", "is not from nothing to a year");
  }
  return Change(room, call, request, [&](TenantStanding& standing) -> absl::Status {
    if (!Deleted(standing).ok()) return absl::OkStatus();
    const Time now = room.clock.Now();
    standing.set_state(State::STATE_DELETED);
    standing.set_reason(request.reason());
    standing.clear_suspend_time();
    *standing.mutable_delete_time() = ToTimestamp(now);
    *standing.mutable_purge_time() = ToTimestamp(now + retention);
    return absl::OkStatus();
  });
}

absl::StatusOr<TenantStanding> Undelete(const TenancyRoom& room, const CallContext& call,
                                        const v1::UndeleteTenantRequest& request) {
  return Change(room, call, request, [&](TenantStanding& standing) -> absl::Status {
    if (standing.state() == State::STATE_DELETED) {
      Activate(standing);
      return absl::OkStatus();
    }
    const bool late = standing.state() == State::STATE_PURGING;
    return Error(absl::StatusCode::kFailedPrecondition, late ? "TENANT_PURGED" : "TENANT_NOT_DELETED",
                 late ? "what was kept of the tenant is going already" : "the tenant is not deleted")
        .Resource("embudo.dev/TenantStanding", standing.name());
  });
}

absl::StatusOr<TenantStanding> GetStanding(const TenancyRoom& room, const CallContext& call,
                                           const v1::GetTenantStandingRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
  EMBUDO_ASSIGN_OR_RETURN(const std::string tenant, TenantIn("tenants/{tenant}/standing", request.name(), "name"));
  return storage::ChangeStanding(room.pool, tenant, "", true, call.deadline,
                                 [](TenantStanding&) { return absl::OkStatus(); });
}

absl::StatusOr<TenantLimits> GetLimits(const TenancyRoom& room, const CallContext& call,
                                       const v1::GetTenantLimitsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string tenant, TenantIn("tenants/{tenant}/limits", request.name(), "name"));
  if (!call.tenant().empty() && call.tenant() != tenant) return NotFound("embudo.dev/TenantLimits", request.name());
  return storage::ChangeLimits(room.pool, tenant, "", true, call.deadline,
                               [](TenantLimits&) { return absl::OkStatus(); });
}

absl::StatusOr<TenantLimits> UpdateLimits(const TenancyRoom& room, const CallContext& call,
                                          const v1::UpdateTenantLimitsRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
  EMBUDO_ASSIGN_OR_RETURN(const std::string tenant,
                          TenantIn("tenants/{tenant}/limits", request.limits().name(), "limits.name"));
  auto limits = storage::ChangeLimits(
      room.pool, tenant, request.limits().etag(), request.validate_only(), call.deadline, [&](TenantLimits& kept) {
        return resource::ApplyMask(resource::MaskOf(request, request.limits()), request.limits(), "limits", &kept);
      });
  if (limits.ok() && !request.validate_only()) room.changed();
  return limits;
}

absl::Status CheckSpeaksForItself(const CallContext& call, const std::string& service) {
  if (call.identity.actor == "services/" + service) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "OTHER_SERVICE", "a service speaks for itself");
}

absl::StatusOr<v1::RecordStorageUseResponse> RecordStorageUse(const TenancyRoom& room, const CallContext& call,
                                                              const v1::RecordStorageUseRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
  EMBUDO_RETURN_IF_ERROR(CheckSpeaksForItself(call, request.service()));
  for (const auto& use : request.uses()) {
    EMBUDO_RETURN_IF_ERROR(TenantIn("tenants/{tenant}", use.name(), "uses.name").status());
  }
  EMBUDO_RETURN_IF_ERROR(storage::RecordStorageUse(room.worker_pool, request, call.deadline));
  return v1::RecordStorageUseResponse();
}

absl::StatusOr<v1::RecordTenantPurgeResponse> RecordPurge(const TenancyRoom& room, const CallContext& call,
                                                          const v1::RecordTenantPurgeRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
  EMBUDO_RETURN_IF_ERROR(CheckSpeaksForItself(call, request.service()));
  EMBUDO_ASSIGN_OR_RETURN(const std::string tenant, TenantIn("tenants/{tenant}", request.name(), "name"));
  EMBUDO_RETURN_IF_ERROR(storage::RecordPurge(room.worker_pool, tenant, request.service(), call.deadline));
  return v1::RecordTenantPurgeResponse();
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeTenancyService(const TenancyRoom& room, const resource::Resource& tenants) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::SuspendTenantRequest::descriptor()->file()->service(0));
  const auto add = [&]<class Request, class Response>(
                       const char* name,
                       absl::StatusOr<Response> (*handler)(const TenancyRoom&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(name, [&room, handler](const CallContext& call, const Request& request) {
      return handler(room, call, request);
    });
  };
  add("SuspendTenant", Suspend);
  add("ResumeTenant", Resume);
  add("DeleteTenant", Delete);
  add("UndeleteTenant", Undelete);
  add("GetTenantStanding", GetStanding);
  add("GetTenantLimits", GetLimits);
  add("UpdateTenantLimits", UpdateLimits);
  add("RecordStorageUse", RecordStorageUse);
  add("RecordTenantPurge", RecordPurge);
  service->Unary<v1::ListTenantsRequest, v1::ListTenantsResponse>(
      "ListTenants",
      [&tenants](const CallContext& call,
                 const v1::ListTenantsRequest& request) -> absl::StatusOr<v1::ListTenantsResponse> {
        EMBUDO_RETURN_IF_ERROR(CheckOperator(call));
        v1::ListTenantsResponse response;
        EMBUDO_RETURN_IF_ERROR(tenants.List(call, request, response));
        return response;
      });
  return service;
}

}  // namespace embudo::pipeline::rpc
