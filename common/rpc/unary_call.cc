#include <grpcpp/support/server_callback.h>

#include "common/rpc/reactors.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

/// A unary call: admitted on gRPC's thread, served on the executor's.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc, const grpc::ByteBuffer& request,
            grpc::ByteBuffer& response)
      : call_(core, method, grpc), request_(request), response_(response) {
    absl::Status status = Guarded([this] { return call_.Admit(); });
    if (!status.ok()) {
      Finish(call_.Finish(status));
    } else if (method.immediate) {
      Run();
    } else if (!core.executor.TrySubmit([this] { Run(); }, call_.context().tenant())) {
      Finish(call_.Finish(Overloaded()));
    }
  }

 private:
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

  void Run() {
    call_.TakenUp();
    const CallScope scope(call_.context());
    Finish(call_.Finish(Guarded([this] { return Serve(); })));
  }

  absl::Status Serve() {
    EMBUDO_RETURN_IF_ERROR(call_.CheckAlive());
    const ServedMethod& method = call_.method();
    const std::unique_ptr<google::protobuf::Message> request(method.request->New());
    EMBUDO_RETURN_IF_ERROR(ParseRequest(method, request_, request.get()));
    call_.Note(*request);
    const std::unique_ptr<google::protobuf::Message> response(method.response->New());
    EMBUDO_RETURN_IF_ERROR(method.handlers.unary(call_.context(), *request, *response));
    response_ = ToBytes(*response);
    return absl::OkStatus();
  }

  Call call_;
  // gRPC's, until OnDone.
  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
};

}  // namespace

grpc::ServerUnaryReactor* NewUnaryCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc,
                                       const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  return new UnaryCall(core, method, grpc, request, response);
}

}  // namespace embudo::rpc
