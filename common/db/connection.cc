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

std::vector<const char*> ValuesOf(const Params& params) {
  std::vector<const char*> values(static_cast<size_t>(params.size()));
  for (int i = 0; i < params.size(); ++i) values[static_cast<size_t>(i)] = params.At(i);
  return values;
}

std::string NameOf(const std::string& sql) { return "s" + std::to_string(std::hash<std::string>()(sql)); }

}  // namespace

Params& Params::Add(std::string_view value) {
  values_.emplace_back(std::string(value));
  return *this;
}
Params& Params::Add(int64_t value) {
  values_.emplace_back(std::to_string(value));
  return *this;
}
Params& Params::Add(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  values_.emplace_back(std::string(text, end));
  return *this;
}
Params& Params::Add(bool value) {
  values_.emplace_back(value ? "t" : "f");
  return *this;
}
Params& Params::Add(Time value) {
  values_.emplace_back(FormatTime(value));
  return *this;
}
Params& Params::Add(const std::vector<std::string>& values) {
  values_.emplace_back(ToArrayLiteral(values));
  return *this;
}
Params& Params::Add(std::nullopt_t) {
  values_.emplace_back(std::nullopt);
  return *this;
}
Params& Params::AddBytes(std::string_view bytes) {
  values_.emplace_back(ToByteaLiteral(bytes));
  return *this;
}
const char* Params::At(int i) const {
  const auto& value = values_[static_cast<size_t>(i)];
  return value ? value->c_str() : nullptr;
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

absl::StatusOr<Result> Connection::Exec(const std::string& sql, const Params& params) {
  const std::string name = NameOf(sql);
  if (!prepared_.contains(name)) {
    PGresult* prepared = PQprepare(conn_, name.c_str(), sql.c_str(), 0, nullptr);
    const Result owner(prepared);
    if (!Ok(prepared)) return ErrorOf(prepared);
    prepared_.insert(name);
  }
  const std::vector<const char*> values = ValuesOf(params);
  PGresult* raw = PQexecPrepared(conn_, name.c_str(), params.size(), values.data(), nullptr, nullptr, 0);
  Result result(raw);
  if (!Ok(raw)) return ErrorOf(raw);
  return result;
}

absl::StatusOr<Result> Connection::ExecOnce(const std::string& sql, const Params& params) {
  const std::vector<const char*> values = ValuesOf(params);
  PGresult* raw = PQexecParams(conn_, sql.c_str(), params.size(), nullptr, values.data(), nullptr, nullptr, 0);
  Result result(raw);
  if (!Ok(raw)) return ErrorOf(raw);
  return result;
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
         " -c idle_in_transaction_session_timeout=60s'";
}

}  // namespace embudo::db
