#include "services/reporting/storage/visibility.h"

#include "common/base/error.h"

namespace embudo::reporting::storage {
namespace {

constexpr char kVisibility[] = "SELECT data ->> 'visibility' FROM reporting.name WHERE tenant_id = $1 AND name = $2";

std::string Parameter(int number) { return "$" + std::to_string(number); }

}  // namespace

absl::StatusOr<Visibility> LoadVisibility(db::Connection& connection, const std::string& tenant,
                                          const std::string& user) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kVisibility, db::Params::Of(tenant, user)));
  Visibility visibility{.user = user.substr(user.find('/') + 1)};
  // A user whom the tenant does not know has own leads at most.
  if (rows.empty() || rows[0].Text(0) == "VISIBILITY_OWN") visibility.scope = Visibility::Scope::kOwn;
  if (rows.empty()) return visibility;
  if (rows[0].Text(0) == "VISIBILITY_TEAM") visibility.scope = Visibility::Scope::kTeam;
  return visibility;
}

std::string VisibleClause(const Visibility& visibility, int tenant, int user) {
  if (visibility.scope == Visibility::Scope::kAll) return "TRUE";
  const std::string own = "t.owner_id = " + Parameter(user);
  if (visibility.scope == Visibility::Scope::kOwn) return own;
  // A membership's name is teams/{team}/memberships/{membership}.
  return "(" + own + " OR t.team_id IN (SELECT split_part(m.name, '/', 2) FROM reporting.name m WHERE m.tenant_id = " +
         Parameter(tenant) + " AND m.type = 'Membership' AND m.data ->> 'user' = 'users/' || " + Parameter(user) + "))";
}

}  // namespace embudo::reporting::storage
