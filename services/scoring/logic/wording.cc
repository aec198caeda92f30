#include "services/scoring/logic/wording.h"

#include <cmath>
#include <cstdio>

namespace embudo::scoring::logic {

std::string Fixed(double number, int decimals) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

std::string EffectText(double effect) {
  if (effect == 0) return "does not move the chance";
  return std::string(effect > 0 ? "raises" : "lowers") + " the chance by " + Fixed(std::abs(effect), 2) + " points";
}

}  // namespace embudo::scoring::logic
