#pragma once

#include <chrono>
#include <functional>

namespace embudo::testing {

/// Long enough for anything that works, on a busy machine and under a sanitizer.
inline constexpr std::chrono::seconds kPatience{30};

/// Asks `condition` until it is true; false when the time is up. The only place where a test may wait: everything else
/// waits on a condition through this.
bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = kPatience);

}  // namespace embudo::testing
