#pragma once

#include "common/metrics/metrics.h"

namespace embudo::db {

/// From now on the process's pools tell this registry how long their connections are waited for, and how many are
/// opened; nullptr: nobody, to be called before the registry goes.
void MeasurePools(metrics::Registry* registry);

}  // namespace embudo::db
