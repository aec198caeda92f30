#pragma once

#include <string>
#include <vector>

#include "common/db/connection.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::pipeline::rpc {

/// Which leads a caller sees: all, or those that are its own, that it works on or follows, or that are of its teams.
/// One rule in two forms, for records in memory and for SQL.
struct Sight {
  bool all = false;
  /// The user's resource name; what else calls has no leads of its own.
  std::string user;
  /// Resource names of the teams whose leads it works on.
  std::vector<std::string> teams;

  bool Sees(const type::v1::Lead& lead) const;
  bool MayEdit(const type::v1::Lead& lead) const;
  /// Sees over a table of leads, in parentheses; empty if it sees all. Adds its parameters.
  std::string Sql(const std::string& alias, db::Params& params) const;
  /// The two halves of Sql, for sums that are kept by owner and team.
  std::string OwnSql(const std::string& alias, db::Params& params) const;
  std::string SharedSql(const std::string& alias, db::Params& params) const;
};

}  // namespace embudo::pipeline::rpc
