#pragma once

#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "common/chore/chore.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"

namespace embudo::pipeline::events {

/// Measures all subscriptions every few seconds: how far they are behind, what is parked, how many are paused.
class SubscriptionMeter : public Chore {
 public:
  /// `pool` is of pipeline_worker.
  SubscriptionMeter(db::Pool& pool, metrics::Registry& metrics);
  ~SubscriptionMeter() override { Stop(); }

 private:
  using Key = std::pair<std::string, std::string>;  ///< tenant and id

  absl::Status RunOnce();
  void Set(const Key& key, double lag, double waiting, double parked);

  db::Pool& pool_;
  metrics::Registry& metrics_;
  std::set<Key> known_;
};

}  // namespace embudo::pipeline::events
