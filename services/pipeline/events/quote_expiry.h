#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/chore/chore.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"

namespace embudo::pipeline::events {

/// Lets sent quotes expire once their last day has passed where their tenant is. Several processes may do so at once.
class QuoteExpiry : public Chore {
 public:
  /// `postgres` is the conninfo of pipeline_worker, which finds the quotes of all tenants.
  QuoteExpiry(std::string postgres, resource::Resource& quotes, const Clock& clock);
  ~QuoteExpiry() override;

  /// One pass; how many quotes have expired by it.
  absl::StatusOr<int> RunOnce();

 private:
  db::Pool pool_;
  resource::Resource& quotes_;
  const Clock& clock_;
};

}  // namespace embudo::pipeline::events
