#include "services/pipeline/rpc/sight.h"

#include <algorithm>

#include "common/base/resource_id.h"

namespace embudo::pipeline::rpc {
namespace {

/// `$3` of a parameter that has just been added.
std::string Last(const db::Params& params) { return "$" + std::to_string(params.size()); }

template <class Names>
bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Sight::MayEdit(const type::v1::Lead& lead) const {
  if (all || Contains(teams, lead.team())) return true;
  return !user.empty() && (lead.owner() == user || Contains(lead.collaborators(), user));
}

bool Sight::Sees(const type::v1::Lead& lead) const {
  return MayEdit(lead) || (!user.empty() && Contains(lead.followers(), user));
}

std::string Sight::OwnSql(const std::string& alias, db::Params& params) const {
  if (all) return "";
  params.Add(IdOf(user));
  std::string sql = "(" + alias + ".owner_id = " + Last(params) + "::text";
  if (!teams.empty()) {
    std::vector<std::string> ids;
    for (const std::string& team : teams) ids.push_back(IdOf(team));
    params.Add(ids);
    sql += " OR " + alias + ".team_id = ANY(" + Last(params) + "::text[])";
  }
  return sql + ")";
}

std::string Sight::SharedSql(const std::string& alias, db::Params& params) const {
  params.Add(IdOf(user));
  return "(" + Last(params) + "::text = ANY(" + alias + ".collaborators) OR " + Last(params) + "::text = ANY(" + alias +
         ".followers))";
}

std::string Sight::Sql(const std::string& alias, db::Params& params) const {
  if (all) return "";
  if (user.empty()) return "false";
  const std::string own = OwnSql(alias, params);
  return "(" + own + " OR " + SharedSql(alias, params) + ")";
}

}  // namespace embudo::pipeline::rpc
