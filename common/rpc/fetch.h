#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace embudo::rpc {

/// A small document (up to 1 MiB) from a file or an http(s) URL. Blocks, for a URL up to 5 s. UNAVAILABLE if it cannot
/// be read.
absl::StatusOr<std::string> Fetch(const std::string& location);

}  // namespace embudo::rpc
