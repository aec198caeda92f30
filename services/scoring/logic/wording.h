#pragma once

#include <string>

namespace embudo::scoring::logic {

/// What explanations of every model say of an effect in percentage points: `raises the chance by 3.20 points`.
std::string EffectText(double effect);
/// `3.20`.
std::string Fixed(double number, int decimals);

}  // namespace embudo::scoring::logic
