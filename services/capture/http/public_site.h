#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/http/message.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "services/capture/events/public_intake.h"
#include "services/capture/http/form_endpoint.h"
#include "services/capture/http/hook_endpoint.h"
#include "services/capture/http/link_pages.h"
#include "services/capture/logic/rate_limiter.h"

namespace embudo::capture::http {

struct SiteOptions {
  /// Proxies before the service that add to X-Forwarded-For.
  int proxy_hops = 0;
  /// Requests a minute from one address, whatever they are for.
  int address_rate_per_minute = 600;
};

/// Everything that strangers reach, by its path. Each request is logged without its body and without keys and tokens,
/// and counted. Thread-safe.
class PublicSite {
 public:
  /// `worker_pool` is of the worker role, `pool` of the capture_rpc role.
  PublicSite(db::Pool& worker_pool, db::Pool& pool, embudo::rpc::Client& pipeline, const logic::LinkSigner& signer,
             const Clock& clock, metrics::Registry& metrics, SiteOptions options);

  Response Handle(const Request& request);

 private:
  Answer Route(const Visitor& visitor, const Request& request, std::string* route);

  const Clock& clock_;
  metrics::Registry& metrics_;
  const SiteOptions options_;
  events::PublicIntake intake_;
  logic::RateLimiter limiter_;
  FormEndpoint forms_;
  HookEndpoint hooks_;
  LinkPages links_;
};

}  // namespace embudo::capture::http
