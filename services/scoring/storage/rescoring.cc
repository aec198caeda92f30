#include "services/scoring/storage/rescoring.h"

#include <vector>

#include "common/base/error.h"
#include "common/db/served.h"
#include "services/scoring/storage/pending.h"

namespace embudo::scoring::storage {
namespace {

/// Leads that are marked at once, and how few of them are to be left before the next.
constexpr int kPiece = 2000;
constexpr int kFew = 500;

constexpr char kAsk[] =
    "INSERT INTO scoring.rescoring (tenant_id, rescoring_id, total)"
    " SELECT $1, coalesce(nullif($2, '')::uuid, gen_random_uuid()), count(*)"
    " FROM scoring.lead WHERE tenant_id = $1 AND scored ON CONFLICT DO NOTHING RETURNING total";
constexpr char kNextTenant[] =
    "SELECT tenant_id FROM scoring.rescoring r WHERE tenant_id > $1" EMBUDO_SERVED("r") " ORDER BY tenant_id LIMIT 1";
constexpr char kHold[] =
    "SELECT rescoring_id, after FROM scoring.rescoring WHERE tenant_id = $1 ORDER BY after DESC FOR UPDATE SKIP LOCKED";
constexpr char kNextLeads[] =
    "SELECT lead_id FROM scoring.lead WHERE tenant_id = $1 AND lead_id > $2::uuid AND scored ORDER BY lead_id"
    " LIMIT $3::int";
constexpr char kMoveOn[] =
    "UPDATE scoring.rescoring SET after = $3::uuid, marked = marked + $4::int"
    " WHERE tenant_id = $1 AND rescoring_id = ANY($2::uuid[])";
constexpr char kEnd[] = "DELETE FROM scoring.rescoring WHERE tenant_id = $1 AND rescoring_id = ANY($2::uuid[])";
// Those that are at the same lead have the same leads before them.
constexpr char kUnmarked[] =
    "SELECT coalesce(sum(unmarked), 0)::bigint FROM (SELECT max(greatest(total - marked, 0)) AS unmarked"
    " FROM scoring.rescoring WHERE tenant_id = $1 GROUP BY after) AS at";

}  // namespace

absl::StatusOr<int64_t> AskForRescoring(db::Connection& connection, const std::string& tenant, const std::string& id) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kAsk, db::Params::Of(tenant, id)));
  return rows.empty() ? 0 : rows[0].Int(0);
}

absl::StatusOr<std::optional<Rescoring>> FindRescoring(db::Connection& connection, const std::string& tenant,
                                                       const std::string& id) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT total, marked FROM scoring.rescoring WHERE tenant_id = $1 AND rescoring_id = $2::uuid",
                      db::Params::Of(tenant, id)));
  if (rows.empty()) return std::nullopt;
  return Rescoring{rows[0].Int(0), rows[0].Int(1)};
}

absl::Status DropRescoring(db::Connection& connection, const std::string& tenant, const std::string& id) {
  return connection.Exec(kEnd, db::Params::Of(tenant, std::vector<std::string>{id})).status();
}

absl::StatusOr<int64_t> CountUnmarked(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kUnmarked, db::Params::Of(tenant)));
  return rows[0].Int(0);
}

absl::StatusOr<std::string> NextRescored(db::Connection& connection, const std::string& tenant) {
  for (const std::string& after : {tenant, std::string()}) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kNextTenant, db::Params::Of(after)));
    if (!rows.empty()) return std::string(rows[0].Text(0));
    if (tenant.empty()) break;
  }
  return std::string();
}

absl::StatusOr<int> MarkPiece(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result held, connection.Exec(kHold, db::Params::Of(tenant)));
  if (held.empty()) return 0;
  std::vector<std::string> together;
  for (int i = 0; i < held.size() && held[i].Text(1) == held[0].Text(1); ++i) together.emplace_back(held[i].Text(0));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t left, CountBulkPending(connection, tenant, kFew));
  if (left >= kFew) return 0;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kNextLeads, db::Params::Of(tenant, held[0].Text(1), kPiece)));
  if (rows.empty()) {
    // What is marked may still be without its score.
    if (left == 0) EMBUDO_RETURN_IF_ERROR(connection.Exec(kEnd, db::Params::Of(tenant, together)).status());
    return 0;
  }
  LeadIds ids;
  for (int i = 0; i < rows.size(); ++i) ids.emplace_back(rows[i].Text(0));
  EMBUDO_RETURN_IF_ERROR(MarkBulk(connection, tenant, ids));
  EMBUDO_RETURN_IF_ERROR(
      connection.Exec(kMoveOn, db::Params::Of(tenant, together, ids.back(), static_cast<int>(ids.size()))).status());
  return static_cast<int>(ids.size());
}

}  // namespace embudo::scoring::storage
