#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "services/scoring/storage/leads.h"

namespace embudo::scoring::storage {

/// Leads that are to be scored: the row is the truth, who works on them only leases it.

/// Marks leads to be scored soon.
absl::Status MarkPending(db::Connection& connection, const std::string& tenant, LeadIds ids);
/// Marks all leads that are scored, after those that changed. How many.
absl::StatusOr<int64_t> MarkAllPending(db::Connection& connection, const std::string& tenant);
absl::StatusOr<int64_t> CountPending(db::Connection& connection, const std::string& tenant);

/// The tenant after `tenant`, in a circle, that has leads to be scored and not leased; empty if there is none.
absl::StatusOr<std::string> NextTenant(db::Connection& connection, const std::string& tenant);

/// The mark that a worker has taken; a newer one has a higher generation.
struct Lease {
  std::string lead_id;
  int64_t generation;
};
/// Leases the tenant's oldest marks for half a minute. What is read of the leads after this is no older than the mark.
absl::StatusOr<std::vector<Lease>> TakePending(db::Connection& connection, const std::string& tenant, int limit);
/// The leads are scored: deletes the marks, but for those that were renewed meanwhile, which are free again.
absl::Status FinishPending(db::Connection& connection, const std::string& tenant, const std::vector<Lease>& leases);
/// The leads could not be scored: frees the marks.
absl::Status ReleasePending(db::Connection& connection, const std::string& tenant, const std::vector<Lease>& leases);

}  // namespace embudo::scoring::storage
