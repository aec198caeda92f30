#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "embudo/automation/v1/assignment_service.pb.h"
#include "services/automation/logic/assign_bulk.h"
#include "services/automation/storage/operations.h"

namespace embudo::automation::events {

/// Plans bulk assignments, and carries them out in the background, one of a tenant at a time. One that a crash leaves
/// behind is taken up again: what has an owner by then is no candidate any more. It also starts the daily runs.
class BulkAssigner : public Background {
 public:
  /// `pool` is of the automation_worker role.
  BulkAssigner(db::Pool& pool, rpc::Client& pipeline, const Clock& clock)
      : pool_(pool), pipeline_(pipeline), clock_(clock) {}
  ~BulkAssigner() override { Stop(); }

  void Start() override;
  /// Finishes the step, and leaves the rest to another process.
  void Stop() override;
  /// An operation was made.
  void Wake();

  /// What a request would come to now. `leads` holds the candidates that the plan points to.
  absl::StatusOr<logic::BulkPlan> Plan(const std::string& tenant, const v1::AssignLeadsRequest& request,
                                       std::vector<type::v1::Lead>& leads);

 private:
  void Run();
  /// Whether there was something to do.
  absl::StatusOr<bool> Work();
  absl::Status CarryOut(storage::Operation& operation);
  /// What came of a chunk.
  struct Given {
    int64_t count = 0;
    int refused = 0;
    int overtaken = 0;
  };
  absl::StatusOr<Given> Give(const storage::Operation& operation, const logic::BulkAssignment* begin, size_t count);
  static void Count(const Given& given, storage::Operation& operation, v1::AssignLeadsSummary& summary);
  absl::StatusOr<std::vector<logic::BulkTeam>> Teams(const std::string& tenant, const v1::AssignLeadsRequest& request);
  absl::Status FindCandidates(const std::string& tenant, const v1::AssignLeadsRequest& request,
                              const std::set<std::string>& fields, std::vector<type::v1::Lead>& leads);
  absl::Status End(storage::Operation& operation, const absl::Status& why);
  bool Stopping();

  db::Pool& pool_;
  rpc::Client& pipeline_;
  const Clock& clock_;
  std::chrono::steady_clock::time_point next_daily_look_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::thread thread_;
};

}  // namespace embudo::automation::events
