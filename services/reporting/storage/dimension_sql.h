#pragma once

#include <string>
#include <vector>

#include "common/db/result.h"
#include "services/reporting/logic/dimension.h"
#include "services/reporting/logic/rows.h"

namespace embudo::reporting::storage {

/// The columns (see Column) that a dimension is read from. `by_day`: periods are read from days, also where months
/// would do.
std::vector<std::string> ColumnsOf(const logic::Dimension& dimension, bool by_day);

/// What SQL selects and groups by, over those columns of `t`: one expression, or one for each id of a resource name.
/// NULL or '' is none.
std::vector<std::string> Expressions(const logic::Dimension& dimension, bool by_day);

/// The value that a row has from column `first` on.
logic::Value ReadValue(const logic::Dimension& dimension, const db::Row& row, int first);

}  // namespace embudo::reporting::storage
