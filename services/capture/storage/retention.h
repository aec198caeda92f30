#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/pool.h"

namespace embudo::capture::storage {

/// Takes the content of submissions away that are older than their tenant keeps it; outcome and lead stay. `pool` is of
/// the worker role.
absl::Status DropOldContent(db::Pool& pool, Time now);

}  // namespace embudo::capture::storage
