#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace embudo::capture::events {

/// The secret `name` of a tenant: the file of that name in the tenant's directory under `directory`, without the end of
/// its line. FAILED_PRECONDITION, reason SECRET_MISSING, if there is none.
absl::StatusOr<std::string> ReadSecret(const std::string& directory, const std::string& tenant,
                                       const std::string& name);

}  // namespace embudo::capture::events
