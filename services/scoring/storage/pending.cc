#include "services/scoring/storage/pending.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/db/served.h"

namespace embudo::scoring::storage {
namespace {

// Marks are locked in order of the ids, so that no two markers wait for each other; who takes them waits for nobody.
// Both statements update what is there: DO NOTHING would not wait for one who is taking the mark away.
constexpr char kMark[] =
    "INSERT INTO scoring.pending AS p (tenant_id, lead_id, bulk)"
    " SELECT $1, lead_id, false FROM unnest($2::uuid[]) AS lead_id"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET bulk = false";
constexpr char kMarkBulk[] =
    "INSERT INTO scoring.pending AS p (tenant_id, lead_id, bulk)"
    " SELECT $1, lead_id, true FROM unnest($2::uuid[]) AS lead_id"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET bulk = p.bulk";
constexpr char kNextTenant[] =
    "SELECT tenant_id FROM scoring.pending p WHERE tenant_id > $1" EMBUDO_SERVED("p") " ORDER BY tenant_id LIMIT 1";
// By where the rows lie: the planner, whose statistics know the queue mostly empty, would go through all of a tenant's
// marks for each of those taken. A mark that is changed this moment stays, and is taken the next time.
constexpr char kTake[] =
    "DELETE FROM scoring.pending WHERE ctid = ANY (ARRAY(SELECT ctid FROM scoring.pending WHERE tenant_id = $1"
    " ORDER BY bulk, mark_time LIMIT $2::int FOR UPDATE SKIP LOCKED)) RETURNING lead_id";

}  // namespace

absl::Status MarkPending(db::Connection& connection, const std::string& tenant, LeadIds ids) {
  if (ids.empty()) return absl::OkStatus();
  std::sort(ids.begin(), ids.end());
  return connection.Exec(kMark, db::Params::Of(tenant, ids)).status();
}

absl::Status MarkBulk(db::Connection& connection, const std::string& tenant, const LeadIds& ids) {
  return connection.Exec(kMarkBulk, db::Params::Of(tenant, ids)).status();
}

absl::StatusOr<int64_t> CountPending(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT count(*) FROM scoring.pending WHERE tenant_id = $1", db::Params::Of(tenant)));
  return rows[0].Int(0);
}

absl::StatusOr<int64_t> CountBulkPending(db::Connection& connection, const std::string& tenant, int most) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT count(*) FROM (SELECT FROM scoring.pending WHERE tenant_id = $1 AND bulk LIMIT $2::int)"
                      " AS marked",
                      db::Params::Of(tenant, most)));
  return rows[0].Int(0);
}

absl::StatusOr<std::string> NextTenant(db::Connection& connection, const std::string& tenant) {
  for (const std::string& after : {tenant, std::string()}) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kNextTenant, db::Params::Of(after)));
    if (!rows.empty()) return std::string(rows[0].Text(0));
  }
  return std::string();
}

absl::StatusOr<LeadIds> TakePending(db::Connection& connection, const std::string& tenant, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTake, db::Params::Of(tenant, limit)));
  LeadIds ids;
  for (int i = 0; i < rows.size(); ++i) ids.emplace_back(rows[i].Text(0));
  return ids;
}

}  // namespace embudo::scoring::storage
