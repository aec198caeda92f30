#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace embudo::pipeline::logic {

inline constexpr int64_t kMaxAttachmentBytes = int64_t{25} << 20;

/// INVALID_ARGUMENT unless it names a file and nothing more: no path, no control characters, nothing that turns the
/// direction of writing to hide an ending.
absl::Status CheckFileName(const std::string& name);
/// The media type of a file, told by its content. Thread-safe.
std::string ContentTypeOf(std::string_view content);
/// Whether it can be run as a program as it is: a binary of any system, or a script that names its interpreter.
bool IsProgram(std::string_view content, const std::string& content_type);

}  // namespace embudo::pipeline::logic
