#include "services/pipeline/storage/quotes.h"

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::storage {
namespace {}  // namespace

absl::StatusOr<int64_t> NextNumber(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                   const std::string& kind) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               "INSERT INTO pipeline.number_sequence AS s (tenant_id, kind, last_number) VALUES ($1, $2, 1)"
               " ON CONFLICT (tenant_id, kind) DO UPDATE SET last_number = s.last_number + 1 RETURNING last_number",
               db::Params::Of(tenant, kind)));
  return rows[0].Int(0);
}

absl::StatusOr<logic::Products> LoadProducts(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                             const std::vector<std::string>& names) {
  logic::Products products;
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    if (!name.empty()) ids.push_back(IdOf(name));
  }
  if (ids.empty()) return products;
  const resource::Table& table = ProductTable();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               "SELECT " + table.SelectList("t") + " FROM " + table.name() +
                   " t WHERE t.tenant_id = $1 AND t.product_id = ANY($2::text[]) AND t.delete_time IS NULL",
               db::Params::Of(tenant, ids)));
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = table.Read(rows[i]);
    products[resource::NameOf(*record.message)] = static_cast<const type::v1::Product&>(*record.message);
  }
  return products;
}

absl::StatusOr<int> LastRevision(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                 const type::v1::Quote& quote) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, tenant, deadline,
                                   "SELECT max(revision_number) FROM pipeline.quote WHERE tenant_id = $1"
                                   " AND lead_id = $2::uuid AND (number = $3 OR number LIKE $3 || '-%')",
                                   db::Params::Of(tenant, IdOf(quote.lead()), logic::BaseNumber(quote))));
  return static_cast<int>(rows[0].Int(0));
}

absl::StatusOr<std::vector<std::string>> OtherOpenQuotes(db::Pool& pool, const std::string& tenant,
                                                         db::Deadline deadline, const type::v1::Quote& quote) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(
          pool, tenant, deadline,
          "SELECT quote_id FROM pipeline.quote WHERE tenant_id = $1 AND lead_id = $2::uuid AND quote_id <> $3::uuid"
          " AND state IN ('DRAFT', 'SENT', 'ACCEPTED') AND delete_time IS NULL ORDER BY quote_id",
          db::Params::Of(tenant, IdOf(quote.lead()), IdOf(quote.name()))));
  std::vector<std::string> names;
  for (int i = 0; i < rows.size(); ++i) names.push_back("quotes/" + std::string(rows[i].Text(0)));
  return names;
}

absl::Status SaveDocument(db::Connection& connection, const std::string& tenant, const std::string& quote,
                          const std::string& content) {
  return connection
      .Exec("INSERT INTO pipeline.quote_document (tenant_id, quote_id, content) VALUES ($1, $2::uuid, $3)",
            db::Params::Of(tenant, IdOf(quote)).AddBytes(content))
      .status();
}

absl::StatusOr<std::string> LoadDocument(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                         const std::string& quote) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               "SELECT content FROM pipeline.quote_document WHERE tenant_id = $1 AND quote_id = $2::uuid",
               db::Params::Of(tenant, IdOf(quote))));
  if (rows.empty()) return NotFound("embudo.dev/Quote", quote);
  return rows[0].Bytes(0);
}

}  // namespace embudo::pipeline::storage
