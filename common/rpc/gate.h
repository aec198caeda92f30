#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"

namespace embudo::rpc {

/// What a call costs, as far as limits tell it apart.
enum class MethodClass {
  kRead,   ///< HTTP GET in its annotation
  kWrite,  ///< every other unary method
  kBulk,   ///< streams, batches, and what begins a long-running operation
};

/// What is kept of a call that somebody may want to know about later.
struct AuditRecord {
  std::string tenant;
  std::string actor;
  std::string roles;     ///< `admin, service`
  std::string method;    ///< full name
  std::string resource;  ///< the record that the request names; empty: none
  std::string code;      ///< `OK`
  std::string reason;    ///< ErrorInfo's, if it failed
  std::string call_id;
  std::string peer;
};

/// Whether a call is taken.
struct Admission {
  absl::Status status;
  /// How long its refusal is to be held back. So a caller that does not heed refusals waits for each, and what its
  /// calls cost is not taken from others.
  std::chrono::milliseconds hold{0};
};

/// What stands between a caller who is known and a handler: whether the caller's tenant is served at all, and how much
/// of it. Asked on gRPC's threads, so that none of it blocks. Thread-safe.
class Gate {
 public:
  virtual ~Gate() = default;
  /// OK, or why the tenant's call is not taken: FAILED_PRECONDITION (TENANT_SUSPENDED, TENANT_DELETED), or
  /// RESOURCE_EXHAUSTED with RetryInfo and QuotaFailure.
  virtual Admission Admit(const Identity& identity, MethodClass method_class) = 0;
  /// Whether the tenant is still served; for what goes on for longer.
  virtual absl::Status Standing(std::string_view tenant) const = 0;
  /// A place among the tenant's streams, which is free again when it is destroyed. RESOURCE_EXHAUSTED if there is none.
  virtual absl::StatusOr<std::shared_ptr<void>> TakeStream(std::string_view tenant) = 0;
  /// Sets what is called, on a thread of the gate's, when a tenant is no longer served: its streams are to end.
  virtual void OnClosed(std::function<void(const std::string& tenant, const absl::Status& why)> callback) = 0;
  /// Keeps the record of a call, in the background, and calls `kept` once: when the record is kept, when it can't be,
  /// or when that takes so long that the caller is not to wait any more. On this thread or another.
  virtual void Audit(AuditRecord record, std::function<void()> kept) = 0;
};

}  // namespace embudo::rpc
