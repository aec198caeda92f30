#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "embudo/type/v1/options.pb.h"

namespace embudo::automation::storage {

/// Whom rules tell and what stages send, as events have told of them.

/// The manager of the team, or of the nearest team above it that has one; empty if there is none.
absl::StatusOr<std::string> FindManager(db::Connection& connection, const std::string& tenant, const std::string& team);

/// Users who have the role and are not disabled, 100 at most.
absl::StatusOr<std::vector<std::string>> FindUsersOfRole(db::Connection& connection, const std::string& tenant,
                                                         type::v1::Role role);

/// The template that a stage sends on entry; empty if it sends none.
absl::StatusOr<std::string> StageTemplateOf(db::Connection& connection, const std::string& tenant,
                                            const std::string& stage);

}  // namespace embudo::automation::storage
