#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/gate.h"
#include "common/rpc/service.h"

namespace embudo::pipeline::rpc {

/// What the services about tenants as such stand on.
struct TenancyRoom {
  db::Pool& pool;
  /// Of the worker role.
  db::Pool& worker_pool;
  const Clock& clock;
  /// A tenant's standing or limits changed.
  std::function<void()> changed;
};

/// `room` lives as long as the service. `tenants`: their overviews.
std::unique_ptr<embudo::rpc::Service> MakeTenancyService(const TenancyRoom& room, const resource::Resource& tenants);
/// `entries` holds the audit log.
std::unique_ptr<embudo::rpc::Service> MakeAuditService(const TenancyRoom& room, resource::Resource& entries);

}  // namespace embudo::pipeline::rpc
