#pragma once

#include "common/filter/filter.h"
#include "common/filter/tree.h"

namespace embudo::filter {

/// The PostgreSQL back end. Relative times count from `now`.
Sql WriteSql(const Node& node, int first_parameter, Time now);

}  // namespace embudo::filter
