#include "common/tenancy/limits.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace embudo::tenancy {
namespace {

/// Buckets that are kept before those that are full, which are as good as none, are thrown away.
constexpr size_t kMany = 10000;
constexpr std::chrono::milliseconds kHold{50};
/// Refusals a second that nobody waits for, however low the limit is.
constexpr double kFewRefusals = 10;

}  // namespace

Limits Limits::Or(const Limits& other) const {
  Limits out = *this;
  for (size_t i = 0; i < rates.size(); ++i) {
    if (out.rates[i] == 0) out.rates[i] = other.rates[i];
  }
  if (out.streams == 0) out.streams = other.streams;
  if (out.storage_bytes == 0) out.storage_bytes = other.storage_bytes;
  return out;
}

rpc::Admission Buckets::Take(std::string_view tenant, rpc::MethodClass method_class, int64_t rate) {
  if (rate <= 0) return {};
  const double share = static_cast<double>(rate) / replicas_;
  const double most = std::max(1.0, share);
  const Time now = clock_.Now();
  const std::lock_guard lock(mutex_);
  auto& buckets = buckets_[static_cast<size_t>(method_class)];
  if (buckets.size() > kMany) {
    std::erase_if(buckets, [&](const auto& entry) { return now - entry.second.filled > std::chrono::seconds(1); });
  }
  const auto [found, is_new] = buckets.try_emplace(std::string(tenant), Bucket{most, now});
  Bucket& bucket = found->second;
  const std::chrono::duration<double> passed = now - bucket.filled;
  bucket.tokens = std::min(most, bucket.tokens + std::max(0.0, passed.count()) * share);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return {};
  }
  if (now - bucket.refused_since >= std::chrono::seconds(1)) {
    bucket.refused_since = now;
    bucket.refused = 0;
  }
  const auto wait = std::chrono::milliseconds(static_cast<int64_t>(std::ceil((1 - bucket.tokens) / share * 1000)));
  return {LimitReached("TENANT_RATE_LIMIT", tenant, std::string(NameOf(method_class)) + " calls a second", rate, wait),
          ++bucket.refused > std::max(kFewRefusals, most) ? kHold : std::chrono::milliseconds(0)};
}

absl::Status LimitReached(std::string_view reason, std::string_view tenant, std::string_view what, int64_t limit,
                          std::chrono::milliseconds retry) {
  const std::string text = "the tenant's limit is " + std::to_string(limit) + " " + std::string(what);
  Error error(absl::StatusCode::kResourceExhausted, reason, text);
  error.Meta("limit", std::to_string(limit)).Meta("what", what).RetryAfter(retry);
  google::rpc::Status details = ToRpcStatus(error);
  google::rpc::QuotaFailure quota;
  auto& violation = *quota.add_violations();
  violation.set_subject("tenants/" + std::string(tenant));
  violation.set_description(text);
  details.add_details()->PackFrom(quota);
  return FromRpcStatus(details);
}

std::string_view NameOf(rpc::MethodClass method_class) {
  switch (method_class) {
    case rpc::MethodClass::kRead:
      return "read";
    case rpc::MethodClass::kWrite:
      return "write";
    case rpc::MethodClass::kBulk:
      return "bulk";
  }
  return "";
}

}  // namespace embudo::tenancy
