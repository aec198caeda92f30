#include "services/capture/storage/enrichment_store.h"

#include "common/base/error.h"

namespace embudo::capture::storage {
namespace {

using db::Params;

constexpr char kMonth[] = "date_trunc('month', $2::timestamptz AT TIME ZONE 'UTC')::date";

}  // namespace

const resource::Table& EnrichmentProviderTable() {
  static const resource::Table table(v1::EnrichmentProvider::descriptor(), "capture.enrichment_provider");
  return table;
}

const resource::Table& EnrichmentTable() {
  static const resource::Table table(v1::Enrichment::descriptor(), "capture.enrichment");
  return table;
}

absl::StatusOr<std::vector<v1::EnrichmentProvider>> EnrichmentStore::Providers(const std::string& tenant,
                                                                               db::Deadline deadline) {
  const resource::Table& table = EnrichmentProviderTable();
  static const std::string sql = "SELECT " + table.SelectList("t") + " FROM " + table.name() +
                                 " t WHERE t.tenant_id = $1 AND t.delete_time IS NULL AND NOT t.disabled"
                                 " ORDER BY t.rank, t.enrichment_provider_id";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, tenant, deadline, sql, Params::Of(tenant)));
  std::vector<v1::EnrichmentProvider> providers;
  for (int i = 0; i < rows.size(); ++i) {
    providers.push_back(static_cast<const v1::EnrichmentProvider&>(*table.Read(rows[i]).message));
  }
  return providers;
}

absl::StatusOr<std::optional<v1::Enrichment>> EnrichmentStore::LastOf(const std::string& tenant,
                                                                      const std::string& lead_id,
                                                                      const std::string& domain,
                                                                      db::Deadline deadline) {
  const resource::Table& table = EnrichmentTable();
  static const std::string sql = "SELECT " + table.SelectList("t") + " FROM " + table.name() +
                                 " t WHERE t.tenant_id = $1 AND t.lead_id = $2::uuid AND t.domain = $3"
                                 " AND t.state IN ('SUCCEEDED', 'NO_MATCH') ORDER BY t.create_time DESC LIMIT 1";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline, sql, Params::Of(tenant, lead_id, domain)));
  if (rows.empty()) return std::nullopt;
  const resource::Record record = table.Read(rows[0]);
  return static_cast<const v1::Enrichment&>(*record.message);
}

absl::StatusOr<std::optional<std::string>> EnrichmentStore::FindCompany(const std::string& tenant,
                                                                        const std::string& provider_id,
                                                                        const std::string& domain,
                                                                        db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, tenant, deadline,
                                                          "SELECT cells FROM capture.company WHERE tenant_id = $1 AND"
                                                          " enrichment_provider_id = $2 AND domain = $3",
                                                          Params::Of(tenant, provider_id, domain)));
  if (rows.empty()) return std::nullopt;
  return std::string(rows[0].Text(0));
}

absl::Status EnrichmentStore::ClearCompanies(db::Connection& connection, const std::string& tenant,
                                             const std::string& provider_id) {
  // Two that load at once take turns.
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("SELECT FROM capture.enrichment_provider WHERE tenant_id = $1 AND"
                                   " enrichment_provider_id = $2 FOR UPDATE",
                                   Params::Of(tenant, provider_id))
                             .status());
  return connection
      .Exec("DELETE FROM capture.company WHERE tenant_id = $1 AND enrichment_provider_id = $2",
            Params::Of(tenant, provider_id))
      .status();
}

absl::StatusOr<int64_t> EnrichmentStore::AddCompanies(db::Connection& connection, const std::string& tenant,
                                                      const std::string& provider_id,
                                                      const std::vector<Company>& companies) {
  std::vector<std::string> domains;
  std::vector<std::string> cells;
  for (const Company& company : companies) {
    domains.push_back(company.domain);
    cells.push_back(company.cells);
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(
          "INSERT INTO capture.company (tenant_id, enrichment_provider_id, domain, cells)"
          " SELECT $1, $2, x.domain, x.cells::jsonb FROM unnest($3::text[], $4::text[]) AS x (domain, cells)"
          " ON CONFLICT DO NOTHING",
          Params::Of(tenant, provider_id, domains, cells)));
  return rows.affected();
}

absl::StatusOr<bool> EnrichmentStore::Spend(const std::string& tenant, Time now, int64_t credits,
                                            std::optional<int64_t> most, db::Deadline deadline) {
  static const std::string sql =
      std::string("INSERT INTO capture.enrichment_usage AS u (tenant_id, month, used_credits) SELECT $1, ") + kMonth +
      ", $3::bigint WHERE $4::bigint IS NULL OR $3::bigint <= $4::bigint"
      " ON CONFLICT (tenant_id, month) DO UPDATE SET used_credits = greatest(0, u.used_credits + excluded.used_credits)"
      " WHERE $4::bigint IS NULL OR u.used_credits + excluded.used_credits <= $4::bigint RETURNING used_credits";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline, sql, Params::Of(tenant, now, credits, most)));
  return !rows.empty();
}

absl::StatusOr<int64_t> EnrichmentStore::Spent(const std::string& tenant, Time now, db::Deadline deadline) {
  static const std::string sql =
      std::string("SELECT used_credits FROM capture.enrichment_usage WHERE tenant_id = $1 AND month = ") + kMonth;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, tenant, deadline, sql, Params::Of(tenant, now)));
  return rows.empty() ? 0 : rows[0].Int(0);
}

}  // namespace embudo::capture::storage
