#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::reporting::storage {

/// Which leads the caller sees.
struct Visibility {
  enum class Scope { kAll, kTeam, kOwn };

  Scope scope = Scope::kAll;
  /// The user's id.
  std::string user;
};

/// What the user `users/{user}` sees as a representative: all leads, unless the user's record says otherwise; the own
/// ones where there is no such record.
absl::StatusOr<Visibility> LoadVisibility(db::Connection& connection, const std::string& tenant,
                                          const std::string& user);

/// The condition on reporting.lead (alias t) that leaves what the caller sees; `tenant` and `user` are the numbers of
/// the parameters that hold the tenant's and the user's id.
std::string VisibleClause(const Visibility& visibility, int tenant, int user);

}  // namespace embudo::reporting::storage
