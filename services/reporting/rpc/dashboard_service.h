#pragma once

#include <memory>

#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "embudo/reporting/v1/dashboard_service.pb.h"
#include "services/reporting/rpc/room.h"

namespace embudo::reporting {

/// The RPCs of DashboardService. Thread-safe.
class DashboardService {
 public:
  /// All outlive this.
  DashboardService(const Room& room, resource::Writer& writer);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::StatusOr<v1::ShowDashboardResponse> Show(const rpc::CallContext& call, const v1::ShowDashboardRequest& request);
  absl::Status Check(const rpc::CallContext& call, const v1::Dashboard& dashboard) const;

  const Room& room_;
  resource::Resource dashboards_;
};

}  // namespace embudo::reporting
