#pragma once

#include "common/app/app.h"

namespace embudo::scoring {

/// Wires the scoring service: the manual score, the probability of winning, and the explanations of both.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::scoring
