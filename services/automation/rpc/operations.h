#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/operation_wait.h"
#include "common/rpc/service.h"
#include "google/longrunning/operations.pb.h"
#include "services/automation/storage/operations.h"

namespace embudo::automation {

/// A bulk assignment as the operation that its callers see.
google::longrunning::Operation OperationOf(const storage::Operation& operation);

/// The RPCs of OperationService. Thread-safe.
class OperationService {
 public:
  /// `pool` is of the automation_rpc role.
  OperationService(db::Pool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::StatusOr<google::longrunning::Operation> Get(const rpc::CallContext& call, const std::string& name);

  db::Pool& pool_;
  const Clock& clock_;
  rpc::OperationWait wait_;
};

}  // namespace embudo::automation
