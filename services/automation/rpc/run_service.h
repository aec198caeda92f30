#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "embudo/automation/v1/run_service.pb.h"

namespace embudo::automation {

/// The history of runs, and taking failed ones up again.
class RunService {
 public:
  /// `pool` is of the automation_rpc role; `wake` tells that a run is due.
  RunService(db::Pool& pool, resource::Writer& writer, const Clock& clock, std::function<void()> wake);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::StatusOr<v1::Run> RetryRun(const rpc::CallContext& call, const v1::RetryRunRequest& request);

  const Clock& clock_;
  const std::function<void()> wake_;
  resource::Resource runs_;
};

}  // namespace embudo::automation
