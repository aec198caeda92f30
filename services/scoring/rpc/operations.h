#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/operation_wait.h"
#include "common/rpc/service.h"
#include "google/longrunning/operations.pb.h"
#include "services/scoring/storage/jobs.h"

namespace embudo::scoring {

/// A job as the operation that its callers see.
absl::StatusOr<google::longrunning::Operation> OperationOf(db::Connection& connection, const storage::Job& job);

/// The RPCs of OperationService. Thread-safe.
class OperationService {
 public:
  /// `pool` is of the scoring_rpc role.
  OperationService(db::Pool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::StatusOr<google::longrunning::Operation> Get(const rpc::CallContext& call, const std::string& name);

  db::Pool& pool_;
  const Clock& clock_;
  rpc::OperationWait wait_;
};

}  // namespace embudo::scoring
