#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "services/scoring/storage/leads.h"

namespace embudo::scoring::storage {

/// Leads that are to be scored: the row is the truth, and is taken away in the transaction that has the score recorded.

/// Marks leads to be scored soon.
absl::Status MarkPending(db::Connection& connection, const std::string& tenant, LeadIds ids);
/// Marks leads of a rescoring, in order of their ids, to be scored after those that changed.
absl::Status MarkBulk(db::Connection& connection, const std::string& tenant, const LeadIds& ids);
absl::StatusOr<int64_t> CountPending(db::Connection& connection, const std::string& tenant);

/// Of those of rescorings, up to `most`.
absl::StatusOr<int64_t> CountBulkPending(db::Connection& connection, const std::string& tenant, int most);

/// The tenant after `tenant`, in a circle, that has leads to be scored; empty if there is none.
absl::StatusOr<std::string> NextTenant(db::Connection& connection, const std::string& tenant);
/// Takes away the tenant's oldest marks that nobody else is taking. Who marks one of these leads anew waits until this
/// transaction has ended, so what it reads of the leads after this is no older than the marks.
absl::StatusOr<LeadIds> TakePending(db::Connection& connection, const std::string& tenant, int limit);

}  // namespace embudo::scoring::storage
