#pragma once

#include <vector>

#include "tools/bench/measure.h"
#include "tools/cli/output.h"

namespace embudo::bench {

/// One row for each operation: what it reached, the machine's limit and their ratio, median and 99th percentile, CPU of
/// a call, what it is to reach, and what Odoo 17 reaches on such a machine. Figures are parts of a row if they are
/// called as it is and then `, p50`, `, p99`, `, CPU of the service` or `, CPU of PostgreSQL`.
std::vector<cli::Json> RowsOf(const std::vector<Figure>& figures);

/// The columns of the table.
std::vector<cli::Column> Columns();

}  // namespace embudo::bench
