#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace embudo::scoring::ml {

/// Whether a cell says that there is no value: empty, `NA`, `N/A`, `NaN`, `null`, `none`, `?`, `-`, in any case.
bool IsMissing(std::string_view cell);

/// A number as files write it: `12`, `-3.5e4`, `$1,200.00`, `12 %`, and with `decimal_comma` `1.234,5`. Grouping is
/// taken only in threes. nullopt if it is none, or is not finite.
std::optional<double> ParseNumber(std::string_view cell, bool decimal_comma);

/// Without blanks around.
std::string_view Trim(std::string_view text);

}  // namespace embudo::scoring::ml
