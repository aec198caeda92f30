#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::db {

/// How many sessions do the work of this group, this one included: each shows itself by a shared advisory lock, which
/// goes when the session does.
absl::StatusOr<int> CountMembers(Connection& connection, const std::string& group);

/// What one of so many members takes of `things`, at most: together they take all.
inline int FairShare(int things, int members) { return (things + members - 1) / members; }

}  // namespace embudo::db
