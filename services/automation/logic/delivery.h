#pragma once

#include <chrono>

#include "common/base/clock.h"

namespace embudo::automation::logic {

/// How long a delivery to a webhook is tried, and a webhook may fail before it is disabled.
inline constexpr std::chrono::hours kDeliveryPatience{72};

/// How long to wait after that many attempts: 10 s, doubled each time, up to 6 h.
std::chrono::seconds DeliveryBackOff(int attempts);
/// How long nothing is sent to a webhook that has failed so often on end: it is left alone from the third time on, up
/// to 5 min.
std::chrono::seconds WebhookPause(int failures);

}  // namespace embudo::automation::logic
