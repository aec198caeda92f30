#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace embudo::automation::mail {

/// A filter as written: `truncate(20)`.
struct FilterCall {
  std::string name;
  std::vector<std::string> arguments;
};

/// What stands between two pairs of braces: `{{ lead.email | default("none") | upper }}`, or with Odoo's default,
/// `{{ object.name ||| none }}`.
struct Placeholder {
  /// As written, without the braces.
  std::string text;
  std::string path;
  std::vector<FilterCall> filters;
  /// Where it begins in the template, in bytes.
  size_t position = 0;
};

/// A text, then maybe a placeholder.
struct Piece {
  std::string text;
  std::optional<Placeholder> placeholder;
};

/// INVALID_ARGUMENT, reason INVALID_TEMPLATE, at `field` with line and column of what can't be read. In HTML, entities
/// between the braces stand for their characters, since editors write quotes so.
absl::StatusOr<std::vector<Piece>> ParsePieces(std::string_view source, const std::string& field, bool html);

/// That error, for what is wrong in other ways.
absl::Status TemplateError(std::string_view source, size_t position, const std::string& field, const std::string& what);

}  // namespace embudo::automation::mail
