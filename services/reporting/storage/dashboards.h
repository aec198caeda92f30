#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/resource/table.h"

namespace embudo::reporting::storage {

const resource::Table& DashboardTable();

/// Gives tenants that never had a dashboard those that every tenant begins with: these tenants, or all where none are
/// named. As the worker role.
absl::Status SeedDashboards(db::Connection& connection, const std::vector<std::string>& tenants, Time now);

}  // namespace embudo::reporting::storage
