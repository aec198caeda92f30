#include "common/db/members.h"

#include "common/base/error.h"

namespace embudo::db {
namespace {

// pg_locks tells the two keys as oids, which have no sign.
constexpr char kCount[] = R"(
SELECT count(*), coalesce(bool_or(pid = pg_backend_pid()), false) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint = hashtext('embudo.members')::bigint & 4294967295
  AND objid::bigint = hashtext($1)::bigint & 4294967295)";

constexpr char kJoin[] = "SELECT pg_advisory_lock_shared(hashtext('embudo.members'), hashtext($1))";

}  // namespace

absl::StatusOr<int> CountMembers(Connection& connection, const std::string& group) {
  EMBUDO_ASSIGN_OR_RETURN(const Result rows, connection.Exec(kCount, Params::Of(group)));
  const int members = static_cast<int>(rows[0].Int(0));
  if (rows[0].Bool(1)) return members;
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kJoin, Params::Of(group)).status());
  return members + 1;
}

}  // namespace embudo::db
