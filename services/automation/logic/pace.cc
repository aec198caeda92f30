#include "services/automation/logic/pace.h"

#include <algorithm>

namespace embudo::automation::logic {

bool Pace::IsBulk(const std::string& tenant, Moment now) {
  // A bucket that is full again is one of a tenant that was never seen.
  constexpr size_t kMostBuckets = 10000;
  if (buckets_.size() > kMostBuckets) buckets_.clear();
  const auto [found, is_new] = buckets_.try_emplace(tenant);
  Bucket& bucket = found->second;
  if (!is_new) {
    const double seconds = std::chrono::duration<double>(now - bucket.last).count();
    bucket.tokens = std::min(bucket.tokens + seconds * kPerSecond, kBurst);
  }
  bucket.last = now;
  if (bucket.tokens < 1) return true;
  bucket.tokens -= 1;
  return false;
}

}  // namespace embudo::automation::logic
