#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "common/rpc/client.h"
#include "common/trace/trace.h"

namespace embudo::rpc {

/// The calls that a client has under way: gRPC must not lose the channel under one.
class CallsUnderWay {
 public:
  void Add(grpc::ClientContext* context);
  /// Ends a call with its context. The context holds the channel, and where a thread of gRPC's lets go of the last one
  /// it waits for itself, so the client is let go only after it.
  void End(std::unique_ptr<grpc::ClientContext> context);
  /// Cancels all and returns when the last has ended.
  void CancelAndWait();

 private:
  std::mutex mutex_;
  std::condition_variable none_left_;
  std::unordered_set<grpc::ClientContext*> contexts_;
  int under_way_ = 0;
};

/// The caller's side of a call, in its trace.
struct ClientSpan {
  std::string method;
  trace::Context context;
  std::string parent_id;
  std::chrono::steady_clock::time_point start;

  /// Records it, if its trace is recorded.
  void End(const absl::Status& status) const;
};

/// What every call of a client sends beside its message: who calls, and the call id, trace and deadline of the call
/// that the thread works for. `timeout` nullopt: no deadline of its own.
ClientSpan PrepareContext(std::string_view method, const Identity& identity, Credentials* credentials,
                          std::optional<std::chrono::milliseconds> timeout, grpc::ClientContext* context);

std::unique_ptr<ClientStream> OpenStream(grpc::GenericStub& stub, const std::string& path, CallsUnderWay& calls,
                                         std::unique_ptr<grpc::ClientContext> context);

}  // namespace embudo::rpc
