#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/binary.h"
#include "common/db/result.h"

struct pg_conn;

namespace embudo::db {

/// The parameters of one statement; the statement casts where the type is not plain ($1::uuid).
class Params {
 public:
  Params() = default;
  template <class... Values>
  static Params Of(const Values&... values) {
    Params params;
    (params.Add(values), ...);
    return params;
  }

  Params& Add(std::string_view value);
  Params& Add(const char* value) { return Add(std::string_view(value)); }
  Params& Add(const std::string& value) { return Add(std::string_view(value)); }
  Params& Add(int value) { return Add(static_cast<int64_t>(value)); }
  Params& Add(int64_t value);
  Params& Add(double value);
  Params& Add(bool value);
  Params& Add(Time value);
  Params& Add(const std::vector<std::string>& values);                 ///< an array: $1::text[], $1::uuid[]
  Params& Add(const std::vector<std::optional<std::string>>& values);  ///< one with NULLs
  Params& Add(Binary value);
  Params& Add(std::nullopt_t);
  template <class T>
  Params& Add(const std::optional<T>& value) {
    return value ? Add(*value) : Add(std::nullopt);
  }
  /// A bytea.
  Params& AddBytes(std::string_view bytes);
  /// A bytea[].
  Params& AddBytes(const std::vector<std::optional<std::string>>& values);

  struct Value {
    /// nullopt: NULL.
    std::optional<std::string> bytes;
    bool binary = false;
  };
  const std::vector<Value>& values() const { return values_; }
  int size() const { return static_cast<int>(values_.size()); }

 private:
  std::vector<Value> values_;
};

/// NULL for an empty text.
inline std::optional<std::string> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

/// The row type of a table: its columns in the order that PostgreSQL keeps them.
struct RowType {
  struct Column {
    std::string name;
    uint32_t type = 0;
  };
  uint32_t id = 0;
  std::vector<Column> columns;
};

/// One connection to PostgreSQL, over libpq: no hidden reconnect, every error with its SQLSTATE. One thread at a time.
class Connection {
 public:
  /// UNAVAILABLE if the server is not there.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& conninfo);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one statement, prepared on this connection at its first use (keyed by its text) and kept.
  absl::StatusOr<Result> Exec(const std::string& sql, const Params& params = {});
  /// Runs one statement whose text varies without bound (filters): prepared too, and kept while it is among the last
  /// kVarying of them that were used.
  absl::StatusOr<Result> ExecVarying(const std::string& sql, const Params& params);
  static constexpr size_t kVarying = 64;
  /// Runs several statements of plain SQL in one go (migrations, BEGIN). Not prepared, no parameters.
  absl::Status ExecScript(const std::string& sql);

  /// The row type of a table, asked for once. When a migration has changed the table meanwhile, the statement that uses
  /// it fails with ABORTED, reason SCHEMA_CHANGED, and the next call asks anew.
  absl::StatusOr<std::shared_ptr<const RowType>> RowTypeOf(const std::string& table);

  /// Row-level security: what tenant the statements from here on see. A round trip only when it differs from the last;
  /// empty: none. Outlives transactions.
  absl::Status SetTenant(std::string_view tenant);
  /// statement_timeout for the statements from here on; a round trip only when it changes much.
  absl::Status SetTimeout(std::chrono::milliseconds timeout);

  bool broken() const;
  bool in_transaction() const;
  pg_conn* raw() { return conn_; }

 private:
  explicit Connection(pg_conn* conn) : conn_(conn) {}
  absl::Status Failed(const Result& result);
  absl::Status Prepare(const std::string& name, const std::string& sql);
  absl::StatusOr<Result> ExecPrepared(const std::string& name, const Params& params);

  pg_conn* conn_;
  std::unordered_set<std::string> prepared_;
  /// Names of the varying statements that are prepared, the last used one first.
  std::list<std::string> varying_;
  std::unordered_map<std::string, std::shared_ptr<const RowType>> row_types_;
  std::string tenant_;
  std::chrono::milliseconds timeout_{0};
};

/// `conninfo` with the user set, and Embudo's session settings (UTC, ISO dates, English messages, time-outs).
std::string ConninfoFor(const std::string& conninfo, const std::string& user, const std::string& application_name);

}  // namespace embudo::db
