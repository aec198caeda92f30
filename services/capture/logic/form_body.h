#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace embudo::capture::logic {

/// What was filled in, by the form's own field names, in the order in which it came. Names are unique: a field that
/// came several times (checkboxes) has its texts joined by "; ".
class FormFields {
 public:
  static constexpr size_t kMaxFields = 200;
  static constexpr size_t kMaxNameBytes = 200;

  /// RESOURCE_EXHAUSTED if there are too many. Texts become UTF-8 without NUL; white space at their ends goes.
  absl::Status Add(std::string_view name, std::string_view text);
  /// Empty if it did not come.
  const std::string& Get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

/// Reads the body of a form: `application/x-www-form-urlencoded`, `multipart/form-data` (of files the names), or JSON
/// (an object; what is nested is named with dots: `visit.source`). INVALID_ARGUMENT for what is none of these, reason
/// UNKNOWN_MEDIA_TYPE or MALFORMED_BODY; RESOURCE_EXHAUSTED, reason TOO_MANY_FIELDS, beyond the limits.
absl::StatusOr<FormFields> ParseFormBody(std::string_view content_type, std::string_view body);
/// The same of a query string.
absl::Status ParseQuery(std::string_view query, FormFields* fields);

}  // namespace embudo::capture::logic
