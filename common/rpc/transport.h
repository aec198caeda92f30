#pragma once

#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>

#include <memory>
#include <vector>

#include "common/rpc/core.h"
#include "common/rpc/method.h"

namespace embudo::rpc {

/// One of our services as gRPC wants it: what generated code's WithRawCallbackMethod_… classes do, from a table.
class Transport final : public grpc::Service {
 public:
  Transport(Core& core, std::vector<std::unique_ptr<ServedMethod>> methods);

 private:
  void Add(const ServedMethod& method, grpc::internal::RpcMethod::RpcType type, grpc::internal::MethodHandler* handler);
  void AddUnary(Core& core, const ServedMethod& method);
  void AddClientStream(Core& core, const ServedMethod& method);
  void AddBidi(Core& core, const ServedMethod& method);

  std::vector<std::unique_ptr<ServedMethod>> methods_;
  int added_ = 0;
};

}  // namespace embudo::rpc
