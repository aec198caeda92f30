#include "common/rpc/transport.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>

#include <utility>

#include "common/rpc/reactors.h"

namespace embudo::rpc {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

Transport::Transport(Core& core, std::vector<std::unique_ptr<ServedMethod>> methods) : methods_(std::move(methods)) {
  for (const auto& method : methods_) {
    if (method->handlers.unary) {
      AddUnary(core, *method);
    } else if (method->handlers.client_stream) {
      AddClientStream(core, *method);
    } else {
      AddBidi(core, *method);
    }
  }
}

void Transport::Add(const ServedMethod& method, RpcMethod::RpcType type, grpc::internal::MethodHandler* handler) {
  // gRPC owns both objects, and keeps the path as a bare pointer.
  AddMethod(new RpcServiceMethod(method.path.c_str(), type, nullptr));
  MarkMethodRawCallback(added_++, handler);
}

void Transport::AddUnary(Core& core, const ServedMethod& method) {
  Add(method, RpcMethod::NORMAL_RPC,
      new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
          [&core, &method](CallbackServerContext* context, const ByteBuffer* request, ByteBuffer* response) {
            return NewUnaryCall(core, method, *context, *request, *response);
          }));
}

void Transport::AddClientStream(Core& core, const ServedMethod& method) {
  Add(method, RpcMethod::CLIENT_STREAMING,
      new grpc::internal::CallbackClientStreamingHandler<ByteBuffer, ByteBuffer>(
          [&core, &method](CallbackServerContext* context, ByteBuffer* response) {
            return NewClientStreamCall(core, method, *context, *response);
          }));
}

void Transport::AddBidi(Core& core, const ServedMethod& method) {
  // Server-streaming methods too: on the wire they are streams in which the client sends one message.
  Add(method, RpcMethod::BIDI_STREAMING,
      new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
          [&core, &method](CallbackServerContext* context) { return NewBidiCall(core, method, *context); }));
}

}  // namespace embudo::rpc
