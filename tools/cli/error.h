#pragma once

#include <string>

#include "absl/status/status.h"

namespace embudo::cli {

/// An error as a person reads it: code, reason and message, then one line for each wrong field, unmet precondition,
/// the record and the time to wait.
std::string ErrorText(const absl::Status& status);

}  // namespace embudo::cli
