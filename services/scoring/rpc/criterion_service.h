#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"

namespace embudo::scoring {

/// The RPCs of CriterionService: the standard methods, after which the tenant's leads are scored again. Thread-safe.
class CriterionService {
 public:
  /// `pool` is of the scoring_rpc role. `marked` is called when leads were marked.
  CriterionService(db::Pool& pool, resource::Writer& writer, const Clock& clock, std::function<void()> marked);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::Status ScoreAgain(const rpc::CallContext& call) const;

  db::Pool& pool_;
  const std::function<void()> marked_;
  resource::Resource criteria_;
};

}  // namespace embudo::scoring
