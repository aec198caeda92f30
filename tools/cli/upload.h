#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/cli/context.h"

namespace embudo::cli {

/// Sends a local file to the capture service; its name there, `files/{file}`.
absl::StatusOr<std::string> UploadFile(Context& context, const std::string& path);

/// What is said of a local file that can't be read.
absl::Status CannotReadFile(const std::string& path);

}  // namespace embudo::cli
