#include "services/scoring/storage/pending.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace embudo::scoring::storage {
namespace {

// Every statement that locks many rows does so in order of the ids, so that no two wait for each other.
constexpr char kMark[] =
    "INSERT INTO scoring.pending AS p (tenant_id, lead_id, bulk)"
    " SELECT $1, lead_id, false FROM unnest($2::uuid[]) AS lead_id"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET generation = p.generation + 1, bulk = false";
constexpr char kMarkAll[] =
    "INSERT INTO scoring.pending AS p (tenant_id, lead_id, bulk)"
    " SELECT tenant_id, lead_id, true FROM scoring.lead WHERE tenant_id = $1 AND scored ORDER BY lead_id"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET generation = p.generation + 1";
constexpr char kNextTenant[] =
    "SELECT tenant_id FROM scoring.pending WHERE tenant_id > $1 AND lease_until < now() ORDER BY tenant_id LIMIT 1";
constexpr char kTake[] =
    "WITH due AS (SELECT lead_id FROM scoring.pending WHERE tenant_id = $1 AND lease_until < now()"
    " ORDER BY bulk, mark_time LIMIT $2::int FOR UPDATE SKIP LOCKED)"
    " UPDATE scoring.pending p SET lease_until = now() + interval '30 seconds' FROM due"
    " WHERE p.tenant_id = $1 AND p.lead_id = due.lead_id RETURNING p.lead_id, p.generation";
constexpr char kFinish[] =
    "WITH taken AS (SELECT p.lead_id, p.generation = t.generation AS done FROM scoring.pending p"
    " JOIN unnest($2::uuid[], $3::bigint[]) AS t(lead_id, generation) USING (lead_id)"
    " WHERE p.tenant_id = $1 ORDER BY p.lead_id FOR UPDATE OF p),"
    " renewed AS (UPDATE scoring.pending p SET lease_until = '-infinity' FROM taken"
    " WHERE p.tenant_id = $1 AND p.lead_id = taken.lead_id AND NOT taken.done)"
    " DELETE FROM scoring.pending p USING taken WHERE p.tenant_id = $1 AND p.lead_id = taken.lead_id AND taken.done";
constexpr char kRelease[] =
    "WITH taken AS (SELECT lead_id FROM scoring.pending WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"
    " ORDER BY lead_id FOR UPDATE)"
    " UPDATE scoring.pending p SET lease_until = '-infinity' FROM taken"
    " WHERE p.tenant_id = $1 AND p.lead_id = taken.lead_id";

LeadIds IdsOf(const std::vector<Lease>& leases) {
  LeadIds ids;
  for (const Lease& lease : leases) ids.push_back(lease.lead_id);
  return ids;
}

}  // namespace

absl::Status MarkPending(db::Connection& connection, const std::string& tenant, LeadIds ids) {
  if (ids.empty()) return absl::OkStatus();
  std::sort(ids.begin(), ids.end());
  return connection.Exec(kMark, db::Params::Of(tenant, ids)).status();
}

absl::StatusOr<int64_t> MarkAllPending(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result marked, connection.Exec(kMarkAll, db::Params::Of(tenant)));
  return marked.affected();
}

absl::StatusOr<int64_t> CountPending(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT count(*) FROM scoring.pending WHERE tenant_id = $1", db::Params::Of(tenant)));
  return rows[0].Int(0);
}

absl::StatusOr<std::string> NextTenant(db::Connection& connection, const std::string& tenant) {
  for (const std::string& after : {tenant, std::string()}) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kNextTenant, db::Params::Of(after)));
    if (!rows.empty()) return std::string(rows[0].Text(0));
  }
  return std::string();
}

absl::StatusOr<std::vector<Lease>> TakePending(db::Connection& connection, const std::string& tenant, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTake, db::Params::Of(tenant, limit)));
  std::vector<Lease> leases;
  for (int i = 0; i < rows.size(); ++i) leases.push_back({std::string(rows[i].Text(0)), rows[i].Int(1)});
  return leases;
}

absl::Status FinishPending(db::Connection& connection, const std::string& tenant, const std::vector<Lease>& leases) {
  std::vector<std::string> generations;
  for (const Lease& lease : leases) generations.push_back(std::to_string(lease.generation));
  return connection.Exec(kFinish, db::Params::Of(tenant, IdsOf(leases), generations)).status();
}

absl::Status ReleasePending(db::Connection& connection, const std::string& tenant, const std::vector<Lease>& leases) {
  return connection.Exec(kRelease, db::Params::Of(tenant, IdsOf(leases))).status();
}

}  // namespace embudo::scoring::storage
