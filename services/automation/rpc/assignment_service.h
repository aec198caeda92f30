#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "embudo/automation/v1/assignment_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "services/automation/events/bulk_assigner.h"

namespace embudo::automation {

/// Territories, settings, bulk assignment, and the decisions that were taken.
class AssignmentService {
 public:
  /// `pool` is of the automation_rpc role.
  AssignmentService(db::Pool& pool, resource::Writer& writer, events::BulkAssigner& bulk, const Clock& clock);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::Status PrepareTerritory(const rpc::CallContext& call, v1::Territory& territory);
  absl::Status PrepareSettings(const rpc::CallContext& call, v1::AssignmentSettings& settings);
  absl::Status CheckFilter(const rpc::CallContext& call, const std::string& filter, const std::string& field);
  absl::StatusOr<v1::AssignmentSettings> GetSettings(const rpc::CallContext& call,
                                                     const v1::GetAssignmentSettingsRequest& request);
  absl::StatusOr<v1::AssignmentSettings> UpdateSettings(const rpc::CallContext& call,
                                                        const v1::UpdateAssignmentSettingsRequest& request);
  absl::StatusOr<google::longrunning::Operation> AssignLeads(const rpc::CallContext& call,
                                                             const v1::AssignLeadsRequest& request);

  db::Pool& pool_;
  events::BulkAssigner& bulk_;
  const Clock& clock_;
  resource::Resource territories_;
  resource::Resource settings_;
  resource::Resource decisions_;
};

}  // namespace embudo::automation
