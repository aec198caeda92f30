#include "services/capture/logic/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace embudo::capture::logic {

std::optional<std::chrono::seconds> RateLimiter::Take(const std::string& key, int per_minute) {
  const Time now = clock_.Now();
  const double capacity = per_minute;
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= max_keys_) MakeRoom(now);
    found = buckets_.emplace(key, Bucket{capacity, now}).first;
  }
  Bucket& bucket = found->second;
  const std::chrono::duration<double> passed = now - bucket.time;
  bucket.tokens = std::min(capacity, bucket.tokens + std::max(0.0, passed.count()) * capacity / 60);
  bucket.time = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  return std::chrono::seconds(std::max<int64_t>(1, std::llround(std::ceil((1 - bucket.tokens) * 60 / capacity))));
}

void RateLimiter::MakeRoom(Time now) {
  // Whatever its rate, a bucket is full after a minute.
  std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.time >= std::chrono::minutes(1); });
  if (buckets_.size() >= max_keys_) buckets_.clear();
}

}  // namespace embudo::capture::logic
