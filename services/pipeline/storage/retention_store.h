#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "embudo/pipeline/v1/retention_service.pb.h"

namespace embudo::pipeline::storage {

/// The tenant's settings; where it has none, nothing goes by itself.
absl::StatusOr<v1::RetentionSettings> ReadRetention(db::Connection& connection, const std::string& tenant);
/// Keeps them under the next etag, which is filled in.
absl::Status WriteRetention(db::Connection& connection, const std::string& tenant, Time now,
                            v1::RetentionSettings* settings);
/// Tenants whose settings let something go, that are served; `pool` is of the worker role.
absl::StatusOr<std::vector<std::string>> TenantsWithRetention(db::Pool& pool);

/// Persons that are no longer needed: all their leads are lost or archived, nothing has happened with them since
/// `before`, and there is no quote or order of theirs. Contacts by id, and of leads without one their mail addresses
/// with the lead's id.
struct Forgettable {
  std::vector<std::string> contacts;
  struct Lead {
    std::string id;
    std::string email;
  };
  std::vector<Lead> leads;
};
absl::StatusOr<Forgettable> FindForgettable(db::Connection& connection, const std::string& tenant, Time before,
                                            int limit);

/// Entries of the audit log made before; they go unless it is only asked how many. `pool` is of the worker role.
absl::StatusOr<int64_t> DropAuditEntries(db::Pool& pool, const std::string& tenant, Time before, bool only_count,
                                         db::Deadline deadline);

}  // namespace embudo::pipeline::storage
