#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace embudo {

/// Whether `id` can be one segment of a resource name that stands for an id: 1–63 of A-Z, a-z, 0-9, '.', '_', '~', '-'.
bool IsResourceId(std::string_view id);

/// A pattern of resource names (AIP-122), such as `pipelines/{pipeline}/stages/{stage}`. Segments in braces are
/// variables, the others stand for themselves. A malformed pattern is a programming error and aborts. Thread-safe.
class ResourcePattern {
 public:
  explicit ResourcePattern(std::string_view pattern);

  /// The ids in `name`, in the pattern's order; nullopt if the name is not of this pattern.
  std::optional<std::vector<std::string>> Match(std::string_view name) const;
  /// The name with these ids; as many as there are variables, else it aborts.
  std::string Build(const std::vector<std::string>& ids) const;
  size_t variables() const { return variables_; }
  const std::string& text() const { return text_; }

 private:
  struct Segment {
    std::string text;
    bool variable;
  };
  std::string text_;
  std::vector<Segment> segments_;
  size_t variables_ = 0;
};

/// The ids in `name`, or INVALID_ARGUMENT that names the request's field and the pattern wanted.
absl::StatusOr<std::vector<std::string>> ParseName(const ResourcePattern& pattern, std::string_view name,
                                                   std::string_view field_path);

}  // namespace embudo
