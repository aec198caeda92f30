#pragma once

#include <mutex>

#include "common/base/clock.h"

namespace embudo::testing {

/// A clock that a test sets: it stands still until told otherwise. Thread-safe.
class ManualClock : public Clock {
 public:
  /// Starts on Monday, 15 June 2026, 09:00 UTC: no month's end and no weekend near.
  ManualClock() : ManualClock(std::chrono::sys_days(std::chrono::year(2026) / 6 / 15) + std::chrono::hours(9)) {}
  explicit ManualClock(Time start) : now_(start) {}

  Time Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Set(Time now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }
  void Advance(std::chrono::microseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  Time now_;
};

}  // namespace embudo::testing
