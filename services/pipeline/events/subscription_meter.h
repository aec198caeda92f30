#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "common/base/background.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"

namespace embudo::pipeline::events {

/// Measures all subscriptions every few seconds: how far they are behind, what is parked, how many are paused.
class SubscriptionMeter : public Background {
 public:
  /// `pool` is of pipeline_worker.
  SubscriptionMeter(db::Pool& pool, metrics::Registry& metrics) : pool_(pool), metrics_(metrics) {}
  ~SubscriptionMeter() override { Stop(); }

  void Start() override;
  void Stop() override;

  absl::Status RunOnce();

 private:
  using Key = std::pair<std::string, std::string>;  ///< tenant and id

  void Set(const Key& key, double lag, double waiting, double parked);

  db::Pool& pool_;
  metrics::Registry& metrics_;
  std::set<Key> known_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace embudo::pipeline::events
