#include "services/reporting/storage/visibility.h"

#include "common/base/error.h"
#include "services/reporting/storage/columns.h"

namespace embudo::reporting::storage {
namespace {

constexpr char kVisibility[] = "SELECT data ->> 'visibility' FROM reporting.name WHERE tenant_id = $1 AND name = $2";
// A membership's name is teams/{team}/memberships/{membership}.
constexpr char kTeams[] =
    "SELECT DISTINCT split_part(name, '/', 2) FROM reporting.name WHERE tenant_id = $1 AND type = 'Membership'"
    " AND data ->> 'user' = $2 ORDER BY 1";

}  // namespace

absl::StatusOr<Visibility> LoadVisibility(db::Connection& connection, const std::string& tenant,
                                          const std::string& actor) {
  // What is no user owns nothing and is in no team.
  if (!actor.starts_with("users/")) return Visibility{.scope = Visibility::Scope::kOwn};
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kVisibility, db::Params::Of(tenant, actor)));
  Visibility visibility{.user = actor.substr(actor.find('/') + 1)};
  // A user whom the tenant does not know has own leads at most.
  if (rows.empty() || rows[0].Text(0) == "VISIBILITY_OWN") visibility.scope = Visibility::Scope::kOwn;
  if (rows.empty() || rows[0].Text(0) != "VISIBILITY_TEAM") return visibility;
  visibility.scope = Visibility::Scope::kTeam;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result teams, connection.Exec(kTeams, db::Params::Of(tenant, actor)));
  for (int i = 0; i < teams.size(); ++i) visibility.teams.emplace_back(teams[i].Text(0));
  return visibility;
}

std::string OwnClause(const Visibility& visibility, const std::string& alias) {
  if (visibility.user.empty()) return "FALSE";
  std::string sql = alias + ".owner_id = " + Quote(visibility.user);
  if (visibility.teams.empty()) return sql;
  std::string teams;
  for (const std::string& team : visibility.teams) teams += (teams.empty() ? "" : ", ") + Quote(team);
  return "(" + sql + " OR " + alias + ".team_id IN (" + teams + "))";
}

std::string SharedClause(const Visibility& visibility, const std::string& alias) {
  if (visibility.user.empty()) return "FALSE";
  const std::string user = Quote(visibility.user);
  // The first half is that of an index.
  return "((" + alias + ".collaborators <> '{}' OR " + alias + ".followers <> '{}') AND (" + user + " = ANY(" + alias +
         ".collaborators) OR " + user + " = ANY(" + alias + ".followers)))";
}

std::string VisibleClause(const Visibility& visibility, const std::string& alias) {
  if (visibility.scope == Visibility::Scope::kAll) return "TRUE";
  return "(" + OwnClause(visibility, alias) + " OR " + SharedClause(visibility, alias) + ")";
}

}  // namespace embudo::reporting::storage
