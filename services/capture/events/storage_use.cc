#include "services/capture/events/storage_use.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "common/base/error.h"
#include "common/tenancy/limits.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"
#include "services/capture/events/bringer.h"
#include "services/capture/storage/usage.h"

namespace embudo::capture::events {
namespace {

constexpr char kService[] = "capture";
constexpr size_t kAtOnce = 1000;
constexpr std::chrono::minutes kRetry{10};

}  // namespace

absl::Status TellStorageUse(db::Pool& worker, embudo::rpc::Client& pipeline, const Clock& clock) {
  const Time now = clock.Now();
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<storage::TenantUsage> usage, storage::MeasureUsage(worker));
  for (size_t begin = 0; begin < usage.size(); begin += kAtOnce) {
    pipeline::v1::RecordStorageUseRequest request;
    request.set_service(kService);
    *request.mutable_measure_time() = ToTimestamp(now);
    for (size_t i = begin; i < std::min(usage.size(), begin + kAtOnce); ++i) {
      auto& use = *request.add_uses();
      use.set_name("tenants/" + usage[i].tenant);
      use.set_bytes(usage[i].bytes);
    }
    // For the installation: it is of many tenants.
    EMBUDO_RETURN_IF_ERROR(pipeline
                               .Call<pipeline::v1::RecordStorageUseResponse>(
                                   "embudo.pipeline.v1.TenancyService/RecordStorageUse", CaptureIdentity(""), request)
                               .status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StorageRoom>> RoomOf(embudo::rpc::Client& pipeline, const std::string& tenant,
                                                  int64_t standard) {
  pipeline::v1::GetTenantLimitsRequest request;
  request.set_name("tenants/" + tenant + "/limits");
  EMBUDO_ASSIGN_OR_RETURN(const auto limits,
                          pipeline.Call<pipeline::v1::TenantLimits>("embudo.pipeline.v1.TenancyService/GetTenantLimits",
                                                                    CaptureIdentity(tenant), request));
  const int64_t limit = limits.storage_bytes() == 0 ? standard : limits.storage_bytes();
  if (limit == 0) return std::optional<StorageRoom>();
  if (limits.used_storage_bytes() >= limit) return NoRoom(tenant, limit);
  return std::optional<StorageRoom>({limit - limits.used_storage_bytes(), limit});
}

absl::Status NoRoom(const std::string& tenant, int64_t limit) {
  return tenancy::LimitReached("TENANT_STORAGE_LIMIT", tenant, "bytes of storage", limit, kRetry);
}

}  // namespace embudo::capture::events
