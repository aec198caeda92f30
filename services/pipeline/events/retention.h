#pragma once

#include <memory>

#include "common/chore/chore.h"
#include "common/rpc/service.h"
#include "services/pipeline/events/privacy_service.h"

namespace embudo::pipeline::events {

/// What the retention of this service's records stands on.
struct RetentionRoom {
  const PrivacyRoom& privacy;
  /// Of the worker role.
  db::Pool& worker_pool;
};

/// `room` lives as long as the service.
std::unique_ptr<rpc::Service> MakeRetentionService(const RetentionRoom& room);

/// Does for every tenant, once an hour, what its settings ask for: erases persons whose leads are long lost, by the
/// erasure that administrators call, and drops old entries of the audit log.
class RetentionChore : public Chore {
 public:
  explicit RetentionChore(const RetentionRoom& room);
};

}  // namespace embudo::pipeline::events
