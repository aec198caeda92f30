#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/filter/syntax.h"
#include "common/filter/tree.h"

namespace embudo::filter {

/// The literal as a value of the field: for everything but texts and custom fields, whose literals may be patterns or
/// of several types. References give a list of one name. Empty if it is none; then `expected` says what would be one.
Value Convert(const Field& field, const Literal& literal, std::string& expected);

/// The full name of a reference: `tags/churn`, also for `churn`. Nothing if it doesn't fit the pattern.
std::optional<std::string> NormalName(const Field& field, std::string_view name);

}  // namespace embudo::filter
