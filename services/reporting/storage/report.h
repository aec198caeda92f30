#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/filter/filter.h"
#include "services/reporting/logic/dimension.h"
#include "services/reporting/logic/rows.h"
#include "services/reporting/storage/columns.h"
#include "services/reporting/storage/names.h"
#include "services/reporting/storage/rollup.h"
#include "services/reporting/storage/visibility.h"

namespace embudo::reporting::storage {

/// Calendar days that a time lies in.
struct Bounds {
  /// `close`; empty: no bounds.
  std::string time;
  std::optional<Day> from;
  std::optional<Day> to;  ///< in it
};

/// Something that records come to: an aggregate over `t`, which has kind, state, archived, the columns of the report
/// and the measures of its cube (`sum(t.c1) FILTER (WHERE t.state = 'WON')`). It adds up over groups.
struct Aggregate {
  std::string sql;
  /// It is an amount, which is rounded to nine decimals.
  bool amount = false;
};

/// Which records a report is over, and what its rows are by.
struct Query {
  std::string tenant;
  Settings settings;
  Cube cube = Cube::kLead;
  /// As reporting.lead has it, `OPPORTUNITY`; empty: both kinds.
  std::string kind;
  bool closed_only = false;
  Bounds bounds;
  Visibility visibility;
  filter::Filter filter;
  std::vector<logic::Dimension> dimensions;
  /// A condition of the report's own over `t`, and the columns that it reads.
  std::string condition;
  std::vector<std::string> condition_columns;
  Time now;
  /// The longest that the facts may be read.
  std::chrono::milliseconds limit{10000};
  /// Waits while a sum by these columns is being made, at most so long. Whether it is no more, and was.
  std::function<bool(Cube cube, const std::vector<std::string>& columns, std::chrono::milliseconds longest)> await_sum;
};

/// The rows of a report as texts; '' for NULL.
struct Cells {
  struct Row {
    std::vector<logic::Value> values;
    std::vector<std::string> cells;
  };
  /// In no order, without display names of resources.
  std::vector<Row> rows;
  std::vector<std::string> total;
};

/// What a report is read from.
struct Origin {
  /// Unset: the facts.
  std::optional<Rollup> rollup;
  /// By which columns a rollup would have answered; unset if one did, or none can.
  std::optional<std::vector<std::string>> wanted;
};

/// Counts and sums in one statement, so of one moment. Where the sum that would answer is being made, that is waited
/// for: the facts are not read twice. INVALID_ARGUMENT, reason TOO_MANY_ROWS; RESOURCE_EXHAUSTED, reason
/// REPORT_TOO_LARGE, if the facts would be read for too long. `origin` is set then, too.
absl::StatusOr<Cells> RunQuery(db::Connection& connection, const Query& query, const std::vector<Aggregate>& aggregates,
                               Origin* origin);

struct Report {
  /// In no order, without display names of resources.
  std::vector<logic::Row> rows;
  logic::Measures total;
};

/// The same for leads and opportunities, with all that they come to.
absl::StatusOr<Report> RunReport(db::Connection& connection, const Query& query, Origin* origin);

}  // namespace embudo::reporting::storage
