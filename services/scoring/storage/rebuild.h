#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"

namespace embudo::scoring::storage {

/// What a rebuild counted.
struct Rebuilt {
  int64_t won = 0;
  int64_t lost = 0;
  int64_t rows = 0;
  int64_t pending = 0;
};

/// Counts the tenant's won and lost leads anew, as they are now, and marks all leads that are scored. In a transaction;
/// takes the tenant's lock. The next daily one is due a day from now.
absl::StatusOr<Rebuilt> Rebuild(db::Connection& connection, const std::string& tenant, Time now);

}  // namespace embudo::scoring::storage
