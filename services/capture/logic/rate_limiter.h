#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/clock.h"

namespace embudo::capture::logic {

/// Counts what comes by key, each with a bucket of as many as may come a minute, which fills again evenly. In this
/// process's memory: with several processes each lets in its own share. Thread-safe.
class RateLimiter {
 public:
  explicit RateLimiter(const Clock& clock, size_t max_keys = 100000) : clock_(clock), max_keys_(max_keys) {}

  /// nullopt: it may come in, and is counted. Else how long to wait.
  std::optional<std::chrono::seconds> Take(const std::string& key, int per_minute);

 private:
  struct Bucket {
    double tokens = 0;
    Time time;
  };
  /// Forgets the buckets that are full again by now, or all if that is not enough.
  void MakeRoom(Time now);

  const Clock& clock_;
  const size_t max_keys_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace embudo::capture::logic
