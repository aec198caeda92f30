#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/db/pool.h"

namespace embudo::db {

/// One numbered step of a service's schema, forward only, safe under the version that runs.
struct Migration {
  int number;
  std::string_view name;
  std::string_view sql;
};

/// Brings a service's schema up to date: each missing step in its own transaction, under one lock, recorded in
/// `<service>.migration`. The connection is of the owner role. Done already: does nothing.
absl::Status Migrate(Connection& connection, const std::string& service, const std::vector<Migration>& migrations);
/// The number of the last step that was applied; 0 if there is no schema.
absl::StatusOr<int> SchemaVersion(Connection& connection, const std::string& service);
/// Whether the schema has the last of these steps; for a service's readiness. UNAVAILABLE, reason SCHEMA_MISSING.
absl::Status CheckSchema(Pool& pool, const std::string& service, const std::vector<Migration>& migrations);

}  // namespace embudo::db
