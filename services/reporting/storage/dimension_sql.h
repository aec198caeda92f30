#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/db/result.h"
#include "services/reporting/logic/dimension.h"
#include "services/reporting/logic/rows.h"

namespace embudo::reporting::storage {

/// How SQL groups by a dimension.
struct DimensionSql {
  /// What is selected and grouped by: one expression, or one for each id of a resource name. NULL or '' is none.
  std::vector<std::string> expressions;
  /// ` LEFT JOIN LATERAL …` of dimensions of which a record has several values; empty for others.
  std::string join;
};

/// `number` makes aliases of several dimensions differ; `parameter` takes a text that the statement needs and returns
/// its place (`$5`); `zone` is the place of the time zone's name.
DimensionSql WriteDimension(const logic::Dimension& dimension, int number, const std::string& zone,
                            const std::function<std::string(const std::string&)>& parameter);

/// The value that a row has from column `first` on.
logic::Value ReadValue(const logic::Dimension& dimension, const db::Row& row, int first);

}  // namespace embudo::reporting::storage
