#include "services/automation/logic/delivery.h"

#include <algorithm>

namespace embudo::automation::logic {
namespace {

std::chrono::seconds Doubled(std::chrono::seconds first, int times, std::chrono::seconds longest) {
  constexpr int kDoublings = 20;
  return std::min(first * (1 << std::clamp(times, 0, kDoublings)), longest);
}

}  // namespace

std::chrono::seconds DeliveryBackOff(int attempts) {
  return Doubled(std::chrono::seconds(10), attempts - 1, std::chrono::hours(6));
}

std::chrono::seconds WebhookPause(int failures) {
  constexpr int kForgiven = 2;
  if (failures <= kForgiven) return std::chrono::seconds(0);
  return Doubled(std::chrono::seconds(1), failures - kForgiven, std::chrono::minutes(5));
}

}  // namespace embudo::automation::logic
