#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "embudo/type/v1/options.pb.h"

namespace embudo::rpc {

/// Who calls: verified once in the adapter, from a JWT or the development identity.
struct Identity {
  /// The tenant's id; empty only for methods whose Access says no_tenant.
  std::string tenant;
  /// Resource name: `users/{user}` or `services/{service}`.
  std::string actor;
  std::vector<type::v1::Role> roles;

  bool Has(type::v1::Role role) const;
};

/// What a handler knows of its call beside the request. Copyable; copies share the cancellation.
struct CallContext {
  Identity identity;
  /// Full method name, `embudo.pipeline.v1.LeadService/CreateLead`.
  std::string method;
  /// When the caller stops waiting; always set by the adapter (a default where the caller gave none).
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  /// `x-request-id` of the call, made if the caller gave none; in logs and error metadata. (Not AIP-155's request_id.)
  std::string call_id;
  /// W3C trace context to hand on.
  std::string traceparent;
  std::string peer;
  /// Set when the caller went away.
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);

  const std::string& tenant() const { return identity.tenant; }
  std::chrono::milliseconds TimeLeft() const;
};

}  // namespace embudo::rpc
