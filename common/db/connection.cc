#include "common/db/connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/db/error.h"

namespace embudo::db {
namespace {

bool Ok(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/// The parameters as libpq takes them, pointing into a Params.
struct Pointers {
  explicit Pointers(const Params& params) {
    for (const Params::Value& value : params.values()) {
      values.push_back(value.bytes ? value.bytes->c_str() : nullptr);
      lengths.push_back(value.bytes ? static_cast<int>(value.bytes->size()) : 0);
      formats.push_back(value.binary ? 1 : 0);
    }
  }
  int size() const { return static_cast<int>(values.size()); }

  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
};

std::string NameOf(const std::string& sql) { return "s" + std::to_string(std::hash<std::string>()(sql)); }

}  // namespace

Params& Params::Add(std::string_view value) {
  values_.push_back({std::string(value)});
  return *this;
}
Params& Params::Add(int64_t value) {
  values_.push_back({std::to_string(value)});
  return *this;
}
Params& Params::Add(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  values_.push_back({std::string(text, end)});
  return *this;
}
Params& Params::Add(bool value) {
  values_.push_back({value ? "t" : "f"});
  return *this;
}
Params& Params::Add(Time value) {
  values_.push_back({FormatTime(value)});
  return *this;
}
Params& Params::Add(const std::vector<std::string>& values) {
  values_.push_back({ToArrayLiteral(values)});
  return *this;
}
Params& Params::Add(const std::vector<std::optional<std::string>>& values) {
  values_.push_back({ToArrayLiteral(values)});
  return *this;
}
Params& Params::Add(Binary value) {
  values_.push_back({std::move(value.bytes), true});
  return *this;
}
Params& Params::Add(std::nullopt_t) {
  values_.push_back({std::nullopt});
  return *this;
}
Params& Params::AddBytes(std::string_view bytes) { return Add(Binary{std::string(bytes)}); }
Params& Params::AddBytes(const std::vector<std::optional<std::string>>& values) {
  Binary array;
  const bool has_null = std::find(values.begin(), values.end(), std::nullopt) != values.end();
  AppendArrayHeader(array.bytes, type_id::kBytea, values.size(), has_null);
  for (const std::optional<std::string>& value : values) {
    AppendInt32(array.bytes, value ? static_cast<int32_t>(value->size()) : -1);
    if (value) array.bytes += *value;
  }
  return Add(std::move(array));
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& conninfo) {
  PGconn* raw = PQconnectdb(conninfo.c_str());
  std::unique_ptr<Connection> connection(new Connection(raw));
  if (PQstatus(raw) != CONNECTION_OK) {
    // libpq's text says why (no such file, refused, unknown role); it holds no data of ours.
    std::string why = PQerrorMessage(raw);
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return Error(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", why).ToStatus();
  }
  return connection;
}

Connection::~Connection() { PQfinish(conn_); }

absl::Status Connection::Prepare(const std::string& name, const std::string& sql) {
  const Result prepared(PQprepare(conn_, name.c_str(), sql.c_str(), 0, nullptr));
  return Ok(prepared.raw()) ? absl::OkStatus() : ErrorOf(prepared.raw());
}

absl::StatusOr<Result> Connection::ExecPrepared(const std::string& name, const Params& params) {
  const Pointers pointers(params);
  Result result(PQexecPrepared(conn_, name.c_str(), pointers.size(), pointers.values.data(), pointers.lengths.data(),
                               pointers.formats.data(), 0));
  if (!Ok(result.raw())) return Failed(result);
  return result;
}

absl::StatusOr<Result> Connection::Exec(const std::string& sql, const Params& params) {
  const std::string name = NameOf(sql);
  if (!prepared_.contains(name)) {
    EMBUDO_RETURN_IF_ERROR(Prepare(name, sql));
    prepared_.insert(name);
  }
  return ExecPrepared(name, params);
}

absl::StatusOr<Result> Connection::ExecVarying(const std::string& sql, const Params& params) {
  const std::string name = "v" + NameOf(sql);
  const auto known = std::find(varying_.begin(), varying_.end(), name);
  if (known != varying_.end()) {
    varying_.splice(varying_.begin(), varying_, known);
    return ExecPrepared(name, params);
  }
  if (varying_.size() == kVarying) {
    EMBUDO_RETURN_IF_ERROR(ExecScript("DEALLOCATE " + varying_.back()));
    varying_.pop_back();
  }
  EMBUDO_RETURN_IF_ERROR(Prepare(name, sql));
  varying_.push_front(name);
  return ExecPrepared(name, params);
}

absl::Status Connection::Failed(const Result& result) {
  static constexpr std::string_view kDatatypeMismatch = "42804";
  const char* sqlstate = result.raw() == nullptr ? nullptr : PQresultErrorField(result.raw(), PG_DIAG_SQLSTATE);
  // A row in binary form whose columns are no longer those of its table.
  if (sqlstate == nullptr || sqlstate != kDatatypeMismatch || row_types_.empty()) return ErrorOf(result.raw());
  row_types_.clear();
  return Error(absl::StatusCode::kAborted, "SCHEMA_CHANGED", "the schema has just been changed; try again");
}

absl::StatusOr<std::shared_ptr<const RowType>> Connection::RowTypeOf(const std::string& table) {
  std::shared_ptr<const RowType>& known = row_types_[table];
  if (known != nullptr) return known;
  EMBUDO_ASSIGN_OR_RETURN(const Result rows,
                          Exec("SELECT c.reltype, a.attname, a.atttypid FROM pg_class c JOIN pg_attribute a"
                               " ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
                               " WHERE c.oid = $1::regclass ORDER BY a.attnum",
                               Params::Of(table)));
  auto type = std::make_shared<RowType>();
  for (int i = 0; i < rows.size(); ++i) {
    type->id = static_cast<uint32_t>(rows[i].Int(0));
    type->columns.push_back({std::string(rows[i].Text(1)), static_cast<uint32_t>(rows[i].Int(2))});
  }
  return known = std::move(type);
}

absl::Status Connection::ExecScript(const std::string& sql) {
  PGresult* raw = PQexec(conn_, sql.c_str());
  const Result owner(raw);
  return Ok(raw) || PQresultStatus(raw) == PGRES_EMPTY_QUERY ? absl::OkStatus() : ErrorOf(raw);
}

absl::Status Connection::SetTenant(std::string_view tenant) {
  if (tenant == tenant_) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(Exec("SELECT set_config('embudo.tenant', $1, false)", Params::Of(tenant)).status());
  tenant_ = tenant;
  return absl::OkStatus();
}

absl::Status Connection::SetTimeout(std::chrono::milliseconds timeout) {
  // The ceiling costs nothing per call; only a deadline that differs by much is worth a round trip.
  const bool near = timeout_.count() > 0 && timeout >= timeout_ * 3 / 4 && timeout <= timeout_ * 2;
  if (near) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(
      ExecScript("SET statement_timeout = " + std::to_string(std::max<int64_t>(1, timeout.count()))));
  timeout_ = timeout;
  return absl::OkStatus();
}

bool Connection::broken() const { return PQstatus(conn_) != CONNECTION_OK; }

bool Connection::in_transaction() const { return PQtransactionStatus(conn_) != PQTRANS_IDLE; }

std::string ConninfoFor(const std::string& conninfo, const std::string& user, const std::string& application_name) {
  return conninfo + " user=" + user + " application_name=" + application_name +
         " client_encoding=UTF8 connect_timeout=5 keepalives_idle=30 tcp_user_timeout=30000"
         " options='-c TimeZone=UTC -c DateStyle=ISO -c lock_timeout=10s -c plan_cache_mode=force_generic_plan"
         " -c idle_in_transaction_session_timeout=60s"
         // A client whose machine died gives its locks back within a minute.
         " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3'";
}

}  // namespace embudo::db
