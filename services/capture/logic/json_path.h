#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace embudo::capture::logic {

/// Reads JSON of a stranger: INVALID_ARGUMENT, reason MALFORMED_BODY, for what is none, or nested deeper than 64.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text);

/// A place in a JSON document: a JSON Pointer (RFC 6901, `/contact/emails/0`), or the same with dots
/// (`contact.emails[0]`). `*` stands for all elements of an array.
class JsonPath {
 public:
  /// INVALID_ARGUMENT with a message for the mapping's author.
  static absl::StatusOr<JsonPath> Parse(std::string_view path);

  /// All that stands there, in order; `*` makes more than one.
  std::vector<const nlohmann::json*> Find(const nlohmann::json& document) const;
  /// The texts that stand there: of scalars, and of arrays their elements. Those that are empty or null are left out.
  std::vector<std::string> Texts(const nlohmann::json& document) const;

 private:
  std::vector<std::string> steps_;
};

/// A scalar as text; empty for null; JSON for what is nested.
std::string TextOf(const nlohmann::json& value);

}  // namespace embudo::capture::logic
