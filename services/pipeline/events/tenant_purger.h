#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/chore/chore.h"
#include "common/db/pool.h"
#include "services/pipeline/storage/tenancy_store.h"

namespace embudo::pipeline::events {

/// Brings deleted tenants to their end: lets the purge begin when its time has come, waits for the other services, then
/// takes this service's rows away, leaves nothing but places in the log, lets the streams in Redis be filled anew, and
/// forgets the tenant. Each step may be done twice, so that it goes on where a crash has stopped it.
class TenantPurger : public Chore {
 public:
  /// `pool`: of the worker role.
  TenantPurger(db::Pool& pool, const Clock& clock);
};

}  // namespace embudo::pipeline::events
