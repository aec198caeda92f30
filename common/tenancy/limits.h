#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/rpc/gate.h"

namespace embudo::tenancy {

/// How much of a tenant is served; 0: no limit.
struct Limits {
  /// A second, by rpc::MethodClass.
  std::array<int64_t, 3> rates{};
  int64_t streams = 0;
  int64_t storage_bytes = 0;

  /// With the other's values where this has none.
  Limits Or(const Limits& other) const;
};

/// Token buckets, one for each tenant and class of methods: a second's calls may come at once. The rate of a service
/// is shared out among its processes, so that a call costs a look at memory: a bucket that all processes share would
/// cost a round trip to Redis for each call, which takes longer than many of them, and would make every call depend on
/// Redis. Thread-safe.
class Buckets {
 public:
  /// `replicas`: processes of the service.
  Buckets(const Clock& clock, int replicas) : clock_(clock), replicas_(replicas) {}

  /// Takes a call's token. RESOURCE_EXHAUSTED, reason TENANT_RATE_LIMIT, with RetryInfo and QuotaFailure if there is
  /// none; held back if as many calls as the limit were refused already within a second, since who waits as long as it
  /// was told to is not refused so often.
  rpc::Admission Take(std::string_view tenant, rpc::MethodClass method_class, int64_t rate);

 private:
  struct Bucket {
    double tokens = 0;
    Time filled;
    Time refused_since;
    double refused = 0;
  };

  const Clock& clock_;
  const int replicas_;
  std::mutex mutex_;
  std::array<std::map<std::string, Bucket, std::less<>>, 3> buckets_;
};

/// RESOURCE_EXHAUSTED with QuotaFailure: of which tenant, which limit, how much it is.
absl::Status LimitReached(std::string_view reason, std::string_view tenant, std::string_view what, int64_t limit,
                          std::chrono::milliseconds retry);

/// `read`, `write`, `bulk`.
std::string_view NameOf(rpc::MethodClass method_class);

}  // namespace embudo::tenancy
