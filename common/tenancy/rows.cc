#include "common/tenancy/rows.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/db/error.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/tenant_data.pb.h"

namespace embudo::tenancy {
namespace {

using type::v1::ExportTenantDataRequest;
using type::v1::ExportTenantDataResponse;

constexpr std::chrono::minutes kStatement{10};
constexpr std::chrono::seconds kLook{30};
constexpr size_t kPieceBytes = 256 << 10;
constexpr int kMostRows = 500;
constexpr int kPurgeRows = 10000;

constexpr char kTables[] =
    "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind = 'p' FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'tenant_id'"
    " AND NOT a.attisdropped ORDER BY 1";

/// The statement that reads a table's rows of the connection's tenant. What events hold is told in words.
std::string ReadSql(const std::string& table) {
  const bool events = table == "pipeline.event" || table == "pipeline.lead_history";
  return "DECLARE rows NO SCROLL CURSOR FOR SELECT (to_jsonb(t) - 'secret'" + std::string(events ? " - 'data'" : "") +
         ")::text, " + (events ? "t.data" : "NULL::bytea") + " FROM " + table +
         " t WHERE tenant_id = current_setting('embudo.tenant')";
}

bool IsLeftOut(const std::string& table) { return table.ends_with("_secret") || table.ends_with(".request"); }

absl::Status CheckCaller(const rpc::CallContext& call, const std::string& name) {
  const bool own = name == "tenants/" + call.tenant();
  return own || call.tenant().empty() ? absl::OkStatus() : NotFound("embudo.dev/Tenant", name);
}

/// One export under way.
class Export {
 public:
  Export(db::Pool& pool, std::string schema, std::string name)
      : pool_(pool), schema_(std::move(schema)), name_(std::move(name)) {}

  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Next(const rpc::CallContext& call) {
    if (connection_ == nullptr) EMBUDO_RETURN_IF_ERROR(Begin(call));
    while (text_.size() < kPieceBytes && at_ < tables_.size()) EMBUDO_RETURN_IF_ERROR(Fetch());
    if (text_.empty()) return nullptr;
    auto piece = std::make_unique<ExportTenantDataResponse>();
    piece->set_data(text_.substr(0, kPieceBytes));
    piece->set_rows(rows_);
    text_.erase(0, kPieceBytes);
    return piece;
  }

 private:
  absl::Status Begin(const rpc::CallContext& call) {
    EMBUDO_RETURN_IF_ERROR(CheckCaller(call, name_));
    const std::string tenant = name_.substr(name_.find('/') + 1);
    EMBUDO_ASSIGN_OR_RETURN(connection_, db::Connection::Open(pool_.conninfo()));
    // A caller that does not read must not hold the snapshot for ever.
    EMBUDO_RETURN_IF_ERROR(connection_->ExecScript("SET idle_in_transaction_session_timeout = '60s'"));
    EMBUDO_RETURN_IF_ERROR(connection_->SetTenant(tenant));
    EMBUDO_RETURN_IF_ERROR(connection_->ExecScript("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
    EMBUDO_ASSIGN_OR_RETURN(tables_, TablesOf(*connection_, schema_));
    std::erase_if(tables_, [](const TenantTable& table) { return IsLeftOut(table.name); });
    return tables_.empty() ? absl::OkStatus() : connection_->ExecScript(ReadSql(tables_[0].name));
  }

  absl::Status Fetch() {
    const size_t before = text_.size();
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            connection_->ExecVarying("FETCH " + std::to_string(batch_) + " FROM rows", {}));
    for (int i = 0; i < rows.size(); ++i) Add(rows[i]);
    const size_t size = text_.size() - before;
    const bool more = rows.size() == batch_;
    batch_ = size < kPieceBytes ? std::min(kMostRows, batch_ * 2) : std::max(1, batch_ / 2);
    if (more) return absl::OkStatus();
    EMBUDO_RETURN_IF_ERROR(connection_->ExecScript("CLOSE rows"));
    batch_ = 1;
    if (++at_ == tables_.size()) return connection_->ExecScript("COMMIT");
    return connection_->ExecScript(ReadSql(tables_[at_].name));
  }

  void Add(const db::Row& row) {
    ++rows_;
    text_ += R"({"table":")" + tables_[at_].name.substr(0, tables_[at_].name.find('.') + 1);
    std::string table = tables_[at_].name.substr(tables_[at_].name.find('.') + 1);
    std::erase(table, '"');
    text_ += table + R"(","row":)" + std::string(row.Text(0));
    type::v1::Event event;
    std::string json;
    if (!row.IsNull(1) && event.ParseFromString(row.Bytes(1)) &&
        google::protobuf::util::MessageToJsonString(event, &json).ok()) {
      text_ += R"(,"event":)" + json;
    }
    text_ += "}\n";
  }

  db::Pool& pool_;
  const std::string schema_;
  const std::string name_;
  std::unique_ptr<db::Connection> connection_;
  std::vector<TenantTable> tables_;
  size_t at_ = 0;
  int batch_ = 1;
  int64_t rows_ = 0;
  std::string text_;
};

/// Deletes the tenant's rows of one table. False if others still refer to them.
absl::StatusOr<bool> PurgeTable(db::Pool& pool, const TenantTable& table, const std::string& tenant) {
  const std::string sql = "DELETE FROM " + table.name +
                          (table.partitioned ? " WHERE tenant_id = $1"
                                             : " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " + table.name +
                                                   " WHERE tenant_id = $1 LIMIT " + std::to_string(kPurgeRows) + "))");
  while (true) {
    const auto deleted = db::Exec(pool, "", db::After(kStatement), sql, db::Params::Of(tenant));
    if (!db::ConstraintOf(deleted.status()).empty()) return false;
    if (!deleted.ok()) return deleted.status();
    if (table.partitioned || deleted->affected() < kPurgeRows) return true;
  }
}

absl::Status PurgeDeadLetters(db::Pool& pool, const std::string& schema, const std::string& tenant) {
  const std::string table = schema + ".dead_letter";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result there,
                          db::Exec(pool, "", db::After(kLook), "SELECT to_regclass($1)::text", db::Params::Of(table)));
  if (there.empty() || there[0].IsNull(0)) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, "", db::After(kLook),
                                                          "SELECT consumer, partition, position, data FROM " + table +
                                                              " WHERE position($1::bytea IN data) > 0",
                                                          db::Params().AddBytes(tenant)));
  for (int i = 0; i < rows.size(); ++i) {
    type::v1::Event event;
    if (!event.ParseFromString(rows[i].Bytes(3)) || event.tenant() != tenant) continue;
    EMBUDO_RETURN_IF_ERROR(
        db::Exec(pool, "", db::After(kLook),
                 "DELETE FROM " + table + " WHERE consumer = $1 AND partition = $2 AND position = $3",
                 db::Params::Of(std::string(rows[i].Text(0)), rows[i].Int(1), rows[i].Int(2)))
            .status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<TenantTable>> TablesOf(db::Connection& connection, const std::string& schema) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kTables, db::Params::Of(schema)));
  std::vector<TenantTable> tables;
  for (int i = 0; i < rows.size(); ++i) tables.push_back({std::string(rows[i].Text(0)), rows[i].Bool(1)});
  return tables;
}

rpc::Step ExportSteps(db::Pool& pool, const std::string& schema, const google::protobuf::Message& request) {
  const auto job = std::make_shared<Export>(pool, schema, static_cast<const ExportTenantDataRequest&>(request).name());
  return [job](const rpc::CallContext& call) { return job->Next(call); };
}

absl::Status PurgeRows(db::Pool& pool, const std::string& schema, const std::string& tenant,
                       const std::vector<std::string>& except) {
  std::vector<TenantTable> tables;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool.Acquire("", db::After(kLook)));
    EMBUDO_ASSIGN_OR_RETURN(tables, TablesOf(*lease, schema));
  }
  std::erase_if(tables, [&](const TenantTable& table) {
    return std::find(except.begin(), except.end(), table.name) != except.end();
  });
  // Those that others refer to go after them: each round takes at least one away.
  while (!tables.empty()) {
    const size_t before = tables.size();
    for (auto table = tables.begin(); table != tables.end();) {
      EMBUDO_ASSIGN_OR_RETURN(const bool gone, PurgeTable(pool, *table, tenant));
      table = gone ? tables.erase(table) : table + 1;
    }
    if (tables.size() == before) return Internal("rows of " + tables.front().name + " refer to each other");
  }
  return PurgeDeadLetters(pool, schema, tenant);
}

}  // namespace embudo::tenancy
