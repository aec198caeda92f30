#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/log/log.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/options.pb.h"

namespace embudo::rpc {

/// Who calls: verified once in the adapter, from a JWT or the development identity.
struct Identity {
  /// The tenant's id; empty only for methods whose Access says no_tenant.
  std::string tenant;
  /// Resource name: `users/{user}` or `services/{service}`.
  std::string actor;
  std::vector<type::v1::Role> roles;
  /// What sets the call off and what led to it, as a service tells of itself (metadata `x-embudo-origin` and
  /// `x-embudo-cause`, believed of ROLE_SERVICE only); in the events that the call makes.
  type::v1::Origin origin = type::v1::ORIGIN_UNSPECIFIED;
  type::v1::Cause cause;
  /// When what proved all this expires; nullopt: never. Calls are short, but a stream may outlive it.
  std::optional<Time> expire_time;

  bool Has(type::v1::Role role) const;
};

/// What a handler knows of its call beside the request. Copyable; copies share the cancellation.
struct CallContext {
  Identity identity;
  /// Full method name, `embudo.pipeline.v1.LeadService/CreateLead`.
  std::string method;
  /// When the caller stops waiting; always set by the adapter (a default where the caller gave none). Streams have none
  /// unless the caller gave one.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  /// `x-request-id` of the call, made if the caller gave none; in logs and error metadata. (Not AIP-155's request_id.)
  std::string call_id;
  /// W3C trace context to hand on.
  std::string traceparent;
  std::string peer;
  /// Set when the caller went away.
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);

  const std::string& tenant() const { return identity.tenant; }
  /// Never negative; an hour at most where there is no deadline.
  std::chrono::milliseconds TimeLeft() const;
};

/// Makes the current thread work for a call while it lives: log lines carry the call's ids, and calls of Client go on
/// with its trace, its call id and no later deadline. The adapter makes one around every handler; a consumer or worker
/// makes its own. `call` must outlive it.
class CallScope {
 public:
  explicit CallScope(const CallContext& call);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  /// The call that the current thread works for; nullptr outside of any.
  static const CallContext* Current();

 private:
  log::Scope log_;
  const CallContext* outer_;
};

}  // namespace embudo::rpc
