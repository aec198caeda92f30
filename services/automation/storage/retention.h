#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/pool.h"

namespace embudo::automation::storage {

/// Takes the addresses out of mails that went out, or failed for good, longer ago than their tenant keeps them. `pool`
/// is of the worker role.
absl::Status DropOldAddresses(db::Pool& pool, Time now);

}  // namespace embudo::automation::storage
