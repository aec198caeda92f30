#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"

namespace embudo::pipeline::events {

/// Lets sent quotes expire once their last day has passed where their tenant is. Several processes may do so at once.
class QuoteExpiry : public Background {
 public:
  /// `postgres` is the conninfo of pipeline_worker, which finds the quotes of all tenants.
  QuoteExpiry(std::string postgres, resource::Resource& quotes, const Clock& clock);
  ~QuoteExpiry() override;

  void Start() override;
  void Stop() override;

  /// One pass; how many quotes have expired by it.
  absl::StatusOr<int> RunOnce();

 private:
  db::Pool pool_;
  resource::Resource& quotes_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::pipeline::events
