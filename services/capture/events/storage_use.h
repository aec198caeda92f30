#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"

namespace embudo::capture::events {

/// Counts what is kept of each tenant, and tells the pipeline service, which counts it towards their limits. `worker`
/// is of the worker role.
absl::Status TellStorageUse(db::Pool& worker, embudo::rpc::Client& pipeline, const Clock& clock);

/// What a tenant may still upload, as far as it has been counted.
struct StorageRoom {
  int64_t bytes = 0;
  int64_t limit = 0;
};
/// nullopt: there is no limit. RESOURCE_EXHAUSTED, reason TENANT_STORAGE_LIMIT, if there is no room. `standard`: the
/// limit of tenants without one of their own.
absl::StatusOr<std::optional<StorageRoom>> RoomOf(embudo::rpc::Client& pipeline, const std::string& tenant,
                                                  int64_t standard);
absl::Status NoRoom(const std::string& tenant, int64_t limit);

}  // namespace embudo::capture::events
