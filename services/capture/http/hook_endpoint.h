#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/capture/events/public_intake.h"
#include "services/capture/http/page.h"
#include "services/capture/logic/rate_limiter.h"
#include "services/capture/storage/public_keys.h"

namespace embudo::capture::http {

/// `POST /webhooks/{key}`. Thread-safe.
class HookEndpoint {
 public:
  /// `worker_pool` is of the worker role: the tenant is known only by the key.
  HookEndpoint(db::Pool& worker_pool, events::PublicIntake& intake, logic::RateLimiter& limiter, const Clock& clock)
      : worker_pool_(worker_pool), intake_(intake), limiter_(limiter), clock_(clock) {}

  Answer Handle(const Visitor& visitor, const Request& request, const std::string& key);

 private:
  Response Take(const Visitor& visitor, const Request& request, const storage::KeyedHook& keyed);

  db::Pool& worker_pool_;
  events::PublicIntake& intake_;
  logic::RateLimiter& limiter_;
  const Clock& clock_;
};

}  // namespace embudo::capture::http
