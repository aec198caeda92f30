#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "common/filter/filter.h"
#include "services/reporting/logic/dimension.h"
#include "services/reporting/logic/rows.h"
#include "services/reporting/storage/names.h"
#include "services/reporting/storage/visibility.h"

namespace embudo::reporting::storage {

/// Which records a report is over, and what its rows are by.
struct Query {
  std::string tenant;
  Settings settings;
  /// As reporting.lead has it: `OPPORTUNITY`.
  std::string kind;
  bool closed_only = false;
  Visibility visibility;
  filter::Filter filter;
  std::vector<logic::Dimension> dimensions;
  Time now;
};

struct Report {
  /// In no order, without display names of resources.
  std::vector<logic::Row> rows;
  logic::Measures total;
};

/// Counts and sums in one statement, so of one moment. INVALID_ARGUMENT, reason TOO_MANY_ROWS.
absl::StatusOr<Report> RunReport(db::Connection& connection, const Query& query);

}  // namespace embudo::reporting::storage
