#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "embudo/type/v1/quote.pb.h"

namespace embudo::pipeline::logic {

/// Fills what follows from a quote's lines, exactly: the net amount of each (quantity × unit price less the discount),
/// the tax of each rate on the sum of its net amounts, and the totals. Each amount is rounded once, to the currency's
/// smallest unit, half away from zero. Every line has its unit price, in the quote's currency. INVALID_ARGUMENT that
/// names the field (`quote.lines[2].quantity`) where a value is out of range or an amount has more digits than can be
/// kept.
absl::Status ComputeTotals(type::v1::Quote& quote);

/// A plain decimal in its shortest form: `2.50` → `2.5`, `007` → `7`, `0.0` → `0`.
std::string ShortDecimal(std::string_view decimal);

}  // namespace embudo::pipeline::logic
