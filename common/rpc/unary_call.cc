#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include "common/rpc/reactors.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

constexpr int kMostHeld = 1000;

/// A unary call: admitted on gRPC's thread, served on the executor's.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(Core& core, const ServedMethod& method, grpc::CallbackServerContext& grpc, const grpc::ByteBuffer& request,
            grpc::ByteBuffer& response)
      : call_(core, method, grpc), request_(request), response_(response) {
    absl::Status status = Guarded([this] { return call_.Admit(); });
    if (!status.ok()) {
      Refuse(status);
    } else if (method.immediate) {
      Run();
    } else if (!core.executor.TrySubmit([this] { Run(); }, call_.context().tenant())) {
      Answer(Overloaded());
    }
  }

 private:
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

  void Run() {
    call_.TakenUp();
    const CallScope scope(call_.context());
    Answer(Guarded([this] { return Serve(); }));
  }

  /// At once, or held back as far as there is room for such.
  void Refuse(const absl::Status& status) {
    if (call_.hold().count() == 0) return Answer(status);
    if (++call_.core().held > kMostHeld) {
      --call_.core().held;
      return Answer(status);
    }
    hold_.Set(std::chrono::system_clock::now() + call_.hold(), [this, status](bool) {
      --call_.core().held;
      Answer(status);
    });
  }

  void Answer(const absl::Status& status) {
    call_.Finish(status, [this](const grpc::Status& wire) { Finish(wire); });
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
  grpc::Alarm hold_;
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
