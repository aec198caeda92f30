#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/table.h"
#include "common/rpc/gate.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"

namespace embudo::pipeline::storage {

/// Tenants as operators list them; for pools of the worker role.
const resource::Table& TenantOverviewTable();

/// Reads a tenant's standing, lets `change` have its way with it, and writes it unless it is the same. `change` may run
/// several times. NOT_FOUND if there is no such tenant, ABORTED if `etag` is stale.
absl::StatusOr<v1::TenantStanding> ChangeStanding(db::Pool& pool, const std::string& tenant, const std::string& etag,
                                                  bool validate_only, db::Deadline deadline,
                                                  const std::function<absl::Status(v1::TenantStanding&)>& change);
/// The same for its limits; what it uses is filled in.
absl::StatusOr<v1::TenantLimits> ChangeLimits(db::Pool& pool, const std::string& tenant, const std::string& etag,
                                              bool validate_only, db::Deadline deadline,
                                              const std::function<absl::Status(v1::TenantLimits&)>& change);

/// Bytes that are kept of the tenant: its files, and what other services have told. Concurrent uploads of a tenant wait
/// for each other from here on.
absl::StatusOr<int64_t> LockStorage(db::Connection& connection, const std::string& tenant);
/// The tenant's own limit of bytes; 0: none.
absl::StatusOr<int64_t> StorageLimit(db::Connection& connection, const std::string& tenant);

/// Takes down how much a service keeps of tenants; those that there are not, are left out. `pool` is of the worker
/// role.
absl::Status RecordStorageUse(db::Pool& pool, const v1::RecordStorageUseRequest& request, db::Deadline deadline);

// Purge; `pool` is of the worker role.

/// Lets the purge of those begin that were deleted long enough ago.
absl::Status BeginPurges(db::Pool& pool, Time now);
/// Takes down that a service keeps nothing more.
absl::Status RecordPurge(db::Pool& pool, const std::string& tenant, const std::string& service, db::Deadline deadline);
/// Tenants of which no other service keeps anything, each with how far this one is.
struct Purge {
  std::string tenant;
  std::string step;
};
absl::StatusOr<std::vector<Purge>> Purges(db::Pool& pool, const std::vector<std::string>& services);
/// Whether events of the tenant wait for their place in the log.
absl::StatusOr<bool> HasPendingEvents(db::Pool& pool, const std::string& tenant);
/// Leaves nothing of the tenant in its events but their places, which readers of others' events count by. Asks for the
/// streams of the partitions that it was in to be filled anew, and returns the step that waits for them.
absl::StatusOr<std::string> BlankEvents(db::Pool& pool, const std::string& tenant);
absl::Status SaveStep(db::Pool& pool, const Purge& purge);
absl::StatusOr<bool> AreStreamsFilled(db::Pool& pool, const std::string& step);
/// Forgets that there was such a tenant.
absl::Status ForgetTenant(db::Pool& pool, const std::string& tenant);

/// Adds entries to a tenant's audit log; those that are there stay as they are.
struct AuditRow {
  std::string id;
  Time time;
  embudo::rpc::AuditRecord record;
};
absl::Status AddAuditEntries(db::Pool& pool, const std::string& tenant, const std::vector<AuditRow>& rows,
                             db::Deadline deadline);

}  // namespace embudo::pipeline::storage
