#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/db/pool.h"

namespace embudo::pipeline::storage {

/// Whether the lead has a touch.
absl::StatusOr<bool> HasTouch(db::Pool& pool, const std::string& tenant, const std::string& lead_id,
                              db::Deadline deadline);

}  // namespace embudo::pipeline::storage
