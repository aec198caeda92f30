#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/duration.pb.h"

namespace embudo::rpc {

/// The id in `operations/{operation}`, a UUID. INVALID_ARGUMENT, or NOT_FOUND if it can't be an operation's.
absl::StatusOr<std::string> OperationIdOf(const std::string& name);

/// WaitOperation's waiting (AIP-151). A call that waits holds a thread of the server: more than a few are answered at
/// once, and their callers ask again. Thread-safe.
class OperationWait {
 public:
  using Get = std::function<absl::StatusOr<google::longrunning::Operation>()>;
  /// Looks with `get` until the operation is done, `timeout` has passed (nullptr: the call's own time), or the caller
  /// has gone. Returns what it saw last.
  absl::StatusOr<google::longrunning::Operation> Run(const CallContext& call, const google::protobuf::Duration* timeout,
                                                     const Get& get);

 private:
  std::atomic<int> waiters_{0};
};

}  // namespace embudo::rpc
