#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/source.h"

namespace embudo::filter {

/// What stands between a field and a value.
enum class Comparator { kNone, kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kHas };

/// A value as it was written.
struct Literal {
  std::string text;
  /// `text` cut at its unescaped asterisks: one piece if it has none.
  std::vector<std::string> pieces;
  bool quoted = false;
  size_t offset = 0;

  bool HasWildcard() const { return pieces.size() > 1; }
  /// Nothing but asterisks.
  bool IsStar() const;
};

/// A filter as it was written: what AIP-160's grammar makes of the text, before anything is known of its fields.
struct Syntax {
  enum class Kind { kAnd, kOr, kNot, kRestriction, kCall };

  Kind kind = Kind::kAnd;
  size_t offset = 0;
  std::vector<Syntax> children;
  /// The field of a restriction, or the function of a call.
  std::string name;
  Comparator comparator = Comparator::kNone;
  /// The value of a restriction (none without a comparator), or the arguments of a call.
  std::vector<Literal> arguments;
};

/// Parses a filter of at most 4,000 characters, 200 restrictions and 50 nested parentheses. An empty text is a
/// conjunction of nothing.
absl::StatusOr<Syntax> Parse(const Source& source);

}  // namespace embudo::filter
