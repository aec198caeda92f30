#include "common/db/migrate.h"

#include <set>

#include "common/base/error.h"
#include "common/db/sessions.h"
#include "common/log/log.h"

namespace embudo::db {
namespace {

absl::Status Apply(Connection& connection, const std::string& service, const Migration& migration) {
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript("BEGIN"));
  absl::Status status = connection.ExecScript(std::string(migration.sql));
  if (status.ok()) {
    status = connection
                 .Exec("INSERT INTO " + service + ".migration (number, name) VALUES ($1::int, $2)",
                       Params::Of(migration.number, migration.name))
                 .status();
  }
  if (status.ok()) return connection.ExecScript("COMMIT");
  connection.ExecScript("ROLLBACK").IgnoreError();
  log::Error("migrate: step failed", {{"service", service}, {"number", migration.number}});
  return status;
}

}  // namespace

absl::Status Migrate(Connection& connection, const std::string& service, const std::vector<Migration>& migrations) {
  // One at a time, whoever starts it; released when the connection ends, at the latest.
  EMBUDO_RETURN_IF_ERROR(connection.Exec("SELECT pg_advisory_lock(hashtext('embudo.migrate'))").status());
  EMBUDO_RETURN_IF_ERROR(connection.ExecScript(
      "CREATE SCHEMA IF NOT EXISTS " + service + "; CREATE TABLE IF NOT EXISTS " + service +
      ".migration (number int PRIMARY KEY, name text NOT NULL, apply_time timestamptz NOT NULL DEFAULT now())"));
  // Each that is missing, also one that came to the branch after a later one.
  EMBUDO_ASSIGN_OR_RETURN(const Result applied, connection.Exec("SELECT number FROM " + service + ".migration"));
  std::set<int64_t> there;
  for (int i = 0; i < applied.size(); ++i) there.insert(applied[i].Int(0));
  for (const Migration& migration : migrations) {
    if (there.contains(migration.number)) continue;
    EMBUDO_RETURN_IF_ERROR(Apply(connection, service, migration));
    log::Info("migrate: applied",
              {{"service", service}, {"number", migration.number}, {"name", std::string(migration.name)}});
  }
  return connection.Exec("SELECT pg_advisory_unlock(hashtext('embudo.migrate'))").status();
}

absl::StatusOr<int> SchemaVersion(Connection& connection, const std::string& service) {
  EMBUDO_ASSIGN_OR_RETURN(const Result exists,
                          connection.Exec("SELECT to_regclass($1)::text", Params::Of(service + ".migration")));
  if (exists[0].IsNull(0)) return 0;
  EMBUDO_ASSIGN_OR_RETURN(const Result version,
                          connection.Exec("SELECT coalesce(max(number), 0) FROM " + service + ".migration"));
  return static_cast<int>(version[0].Int(0));
}

absl::Status CheckSchema(Pool& pool, const std::string& service, const std::vector<Migration>& migrations) {
  EMBUDO_RETURN_IF_ERROR(CheckSessions(pool.conninfo()));
  const int wanted = migrations.back().number;
  std::vector<std::string> numbers;
  for (const Migration& migration : migrations) numbers.push_back(std::to_string(migration.number));
  EMBUDO_ASSIGN_OR_RETURN(const Result rows, Exec(pool, "", After(std::chrono::seconds(2)),
                                                  "SELECT coalesce(max(number), 0), count(*) FROM " + service +
                                                      ".migration WHERE number = ANY($1::int[])",
                                                  Params::Of(numbers)));
  if (rows[0].Int(1) == static_cast<int64_t>(migrations.size())) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "SCHEMA_MISSING",
               "the schema is at step " + std::to_string(rows[0].Int(0)) + ", this version needs " +
                   std::to_string(wanted) + ": run embudo-migrate");
}

}  // namespace embudo::db
