#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "common/rpc/call.h"
#include "common/rpc/core.h"
#include "common/rpc/method.h"

namespace embudo::rpc {

// One reactor per call; each deletes itself when gRPC is done with it. Messages cross as bytes, so that one function
// serves every method.

grpc::ServerUnaryReactor* NewUnaryCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc,
                                       const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

grpc::ServerReadReactor<grpc::ByteBuffer>* NewClientStreamCall(Core& core, const ServedMethod& method,
                                                               grpc::CallbackServerContext& grpc,
                                                               grpc::ByteBuffer& response);

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* NewBidiCall(Core& core, const ServedMethod& method,
                                                                         grpc::CallbackServerContext& grpc);

}  // namespace embudo::rpc
