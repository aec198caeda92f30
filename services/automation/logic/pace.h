#pragma once

#include <chrono>
#include <map>
#include <string>

namespace embudo::automation::logic {

/// Tells which tenants make very many runs, so that those wait behind the others': a bucket of tokens a tenant, filled
/// up steadily. One thread at a time.
class Pace {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  static constexpr double kPerSecond = 200;
  static constexpr double kBurst = 2000;

  /// Counts a run of the tenant; true if it is one of very many.
  bool IsBulk(const std::string& tenant, Moment now);

 private:
  struct Bucket {
    double tokens = kBurst;
    Moment last;
  };
  std::map<std::string, Bucket> buckets_;
};

}  // namespace embudo::automation::logic
