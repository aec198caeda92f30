#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace embudo::cli {

/// Runs a command of the shell with `input` on its standard input, and waits for it. Its exit code, or 128 and the
/// signal that ended it, as shells have it.
absl::StatusOr<int> RunShellCommand(const std::string& command, const std::string& input);

}  // namespace embudo::cli
