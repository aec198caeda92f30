#include "services/automation/storage/people.h"

#include "common/base/error.h"
#include "common/base/resource_id.h"

namespace embudo::automation::storage {
namespace {

// Teams may stand in each other ten deep, and never in themselves for ever.
constexpr char kFindManager[] =
    "WITH RECURSIVE up AS ("
    " SELECT manager_id, parent_id, 1 AS depth FROM automation.team_manager WHERE tenant_id = $1 AND team_id = $2"
    " UNION ALL SELECT t.manager_id, t.parent_id, up.depth + 1 FROM up JOIN automation.team_manager t"
    " ON t.tenant_id = $1 AND t.team_id = up.parent_id WHERE up.manager_id IS NULL AND up.depth < 10)"
    " SELECT manager_id FROM up WHERE manager_id IS NOT NULL LIMIT 1";

constexpr char kFindUsersOfRole[] =
    "SELECT u.user_id FROM automation.user_role u WHERE u.tenant_id = $1 AND $2 = ANY(u.roles) AND NOT EXISTS ("
    " SELECT 1 FROM automation.disabled_user d WHERE d.tenant_id = u.tenant_id AND d.user_id = u.user_id)"
    " ORDER BY u.user_id LIMIT 100";

}  // namespace

absl::StatusOr<std::string> FindManager(db::Connection& connection, const std::string& tenant,
                                        const std::string& team) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kFindManager, db::Params::Of(tenant, IdOf(team))));
  return rows.empty() ? std::string() : "users/" + std::string(rows[0].Text(0));
}

absl::StatusOr<std::vector<std::string>> FindUsersOfRole(db::Connection& connection, const std::string& tenant,
                                                         type::v1::Role role) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kFindUsersOfRole, db::Params::Of(tenant, type::v1::Role_Name(role))));
  std::vector<std::string> users;
  for (int i = 0; i < rows.size(); ++i) users.push_back("users/" + std::string(rows[i].Text(0)));
  return users;
}

absl::StatusOr<std::string> StageTemplateOf(db::Connection& connection, const std::string& tenant,
                                            const std::string& stage) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT template FROM automation.stage_template WHERE tenant_id = $1 AND stage = $2",
                      db::Params::Of(tenant, stage)));
  return rows.empty() ? std::string() : std::string(rows[0].Text(0));
}

}  // namespace embudo::automation::storage
