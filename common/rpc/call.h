#pragma once

#include <grpcpp/server_context.h>

#include <chrono>
#include <functional>
#include <new>
#include <string>

#include "absl/status/status.h"
#include "common/base/error.h"
#include "common/rpc/call_context.h"
#include "common/rpc/core.h"
#include "common/rpc/method.h"
#include "common/trace/trace.h"

namespace embudo::rpc {

/// What is the same for every call, of whatever kind. From outside to inside, and why in this order:
///   1. call id and trace       everything below logs with them
///   2. access log and metrics  must see every final status, refusals too
///   3. Status → wire           one place masks, cuts and encodes
///   4. exception barrier       below it code may throw, above it never
///   5. drain and admission     the cheapest refusal first
///   6. authentication, Access  before any look at the request
///   7. the tenant's standing   who may not, is not told how much it may; limits count what would be served
///      and limits
///   8. deadline                no work that nobody waits for
///   9. parsing, value rules    handlers see only valid requests
///  10. the handler
/// The constructor is 1, Finish is 2 and 3, Admit is 5 to 8; the reactors of the kinds of calls do the rest.
class Call {
 public:
  Call(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc);

  /// Whether the call may go on. Runs on gRPC's thread.
  absl::Status Admit();
  /// How long the refusal by Admit is to be held back.
  std::chrono::milliseconds hold() const { return hold_; }
  /// Whether somebody still waits for the answer. Asked when an executor thread takes the call up.
  absl::Status CheckAlive() const;
  /// Whether the caller's tenant is still served.
  absl::Status CheckStanding() const;
  /// Takes down what the request is about, if the call is one that is audited.
  void Note(const google::protobuf::Message& request);
  /// A thread has taken the call up.
  void TakenUp();
  /// Turns the call's outcome into wire, counts it, logs it, and calls `answer` with it; that of an audited call only
  /// when its record is kept, then on another thread. Once per call.
  void Finish(const absl::Status& status, std::function<void(const grpc::Status&)> answer);
  /// The caller went away.
  void Cancel() { context_.cancelled->store(true, std::memory_order_relaxed); }
  /// Whether gRPC knows that the caller went away. Not after OnDone.
  bool IsCancelled() const { return grpc_.IsCancelled(); }

  Core& core() const { return core_; }
  const ServedMethod& method() const { return method_; }
  const CallContext& context() const { return context_; }

 private:
  std::string_view Metadata(std::string_view name) const;
  bool Streams() const;
  void SetDeadline();
  void Log(const absl::Status& status, double seconds, const std::string& error_id) const;
  /// Whether the call is to be kept in somebody's log.
  bool MustBeKept() const;
  AuditRecord RecordOf(const absl::Status& status) const;

  Core& core_;
  const ServedMethod& method_;
  grpc::CallbackServerContext& grpc_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  CallContext context_;
  trace::Context trace_;
  std::string parent_span_;
  /// Its place among the tenant's streams, if it is one.
  std::shared_ptr<void> place_;
  bool admitted_ = false;
  std::chrono::milliseconds hold_{0};
  std::string noted_;
};

/// RESOURCE_EXHAUSTED with RetryInfo: all threads are busy and the queue is full.
absl::Status Overloaded();

/// Runs `body`, a function that returns absl::Status, and turns what it throws into one.
template <class Body>
absl::Status Guarded(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& e) {
    return Internal(std::string("exception: ") + e.what());
  } catch (...) {
    return Internal("exception of an unknown type");
  }
}

/// INVALID_ARGUMENT, or OK with the message parsed and valid.
absl::Status ParseRequest(const ServedMethod& method, const grpc::ByteBuffer& bytes, google::protobuf::Message* out);

}  // namespace embudo::rpc
