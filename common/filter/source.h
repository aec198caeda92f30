#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace embudo::filter {

/// A text that is compiled, and how its errors are told: `filter, character 8: unknown field "x"`.
struct Source {
  std::string_view text;
  /// Path of the text in the request, for BadRequest.
  std::string_view field;
  /// ErrorInfo's reason.
  std::string_view reason;

  /// INVALID_ARGUMENT at a byte of the text; the message counts characters, from 1.
  absl::Status Error(size_t offset, std::string_view message) const;
  /// INVALID_ARGUMENT unless the text is at most `max_characters` of UTF-8 without NUL, as PostgreSQL takes it.
  absl::Status Check(size_t max_characters) const;
};

/// `"text"`, shortened to what a message can bear.
std::string Quote(std::string_view text);
/// `; did you mean "owner"?` with the candidate nearest to the word, or nothing if none is near.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace embudo::filter
