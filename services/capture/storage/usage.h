#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"

namespace embudo::capture::storage {

/// What is kept of one tenant.
struct TenantUsage {
  std::string tenant;
  int64_t bytes = 0;
};

/// Bytes of what came in and of files to import, of every tenant that has any such row. The sizes are read, and not the
/// bytes, which lie beside the rows. `pool` is of the worker role.
absl::StatusOr<std::vector<TenantUsage>> MeasureUsage(db::Pool& pool);

}  // namespace embudo::capture::storage
