#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"

namespace embudo::reporting::storage {

/// Which leads the caller sees: the same that lists show.
struct Visibility {
  enum class Scope { kAll, kTeam, kOwn };

  Scope scope = Scope::kAll;
  /// The user's id; empty: nobody's, who sees nothing.
  std::string user;
  /// Ids of the user's teams, of kTeam.
  std::vector<std::string> teams;
};

/// What the user `users/{user}` sees as a representative: all leads, unless the user's record says otherwise; the own
/// ones and those that are shared where there is no such record.
absl::StatusOr<Visibility> LoadVisibility(db::Connection& connection, const std::string& tenant,
                                          const std::string& actor);

/// The condition on leads, by an alias, that leaves what the caller sees: what is the caller's own or the teams', or is
/// shared with the caller, who follows it or works on it.
std::string VisibleClause(const Visibility& visibility, const std::string& alias);
/// Its halves.
std::string OwnClause(const Visibility& visibility, const std::string& alias);
std::string SharedClause(const Visibility& visibility, const std::string& alias);

}  // namespace embudo::reporting::storage
