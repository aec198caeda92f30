#include "common/rpc/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include "common/base/error.h"
#include "common/rpc/client_call.h"
#include "common/rpc/grpc_process.h"
#include "common/rpc/tls.h"
#include "common/rpc/wire.h"

namespace embudo::rpc {
namespace {

// UNAVAILABLE and a CANCELLED that came from the server are retried: the call was not served, or it bears a request_id.
// A server that shuts down resets the calls that it has not taken yet, and gRPC reads that as CANCELLED. The throttle
// stops retries while more than every tenth call fails, so that they do not keep a weak server down.
constexpr char kServiceConfig[] = R"({
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{}],
    "retryPolicy": {
      "maxAttempts": 4,
      "initialBackoff": "0.1s",
      "maxBackoff": "2s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
    }
  }],
  "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1}
})";
constexpr int kMaxReceiveBytes = 64 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  SetUpGrpc();
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // No oftener than the server allows, see there.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 12000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10000);
  return grpc::CreateCustomChannel(target, ChannelCredentials(target), arguments);
}

std::string PathOf(std::string_view method) { return "/" + std::string(method); }

/// A unary call under way; it owns itself until gRPC has given the answer.
struct UnaryCall {
  std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
  grpc::ByteBuffer request;
  grpc::ByteBuffer response_bytes;
  google::protobuf::Message* response;
  std::function<void(absl::Status)> done;
  CallsUnderWay* calls;
  ClientSpan span;

  static void Finish(UnaryCall* self, const grpc::Status& status) {
    const std::unique_ptr<UnaryCall> owner(self);
    absl::Status result = FromWire(status);
    self->span.End(result);
    if (result.ok() && !ParseBytes(self->response_bytes, self->response)) {
      result = Internal("the answer is not a " + self->response->GetDescriptor()->full_name());
    }
    self->done(std::move(result));
    self->calls->End(std::move(self->context));
  }
};

}  // namespace

struct Client::Impl {
  explicit Impl(ClientOptions client_options) : options(std::move(client_options)), stub(Connect(options.target)) {}

  const ClientOptions options;
  grpc::GenericStub stub;
  CallsUnderWay calls;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Client::~Client() { impl_->calls.CancelAndWait(); }

absl::Status Client::Call(std::string_view method, const Identity& identity, const google::protobuf::Message& request,
                          google::protobuf::Message* response, std::optional<std::chrono::milliseconds> timeout) {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<absl::Status> result;
  CallAsync(
      method, identity, request, response,
      [&](absl::Status status) {
        const std::lock_guard lock(mutex);
        result = std::move(status);
        // Under the lock: the waiting thread takes the variable with it.
        answered.notify_one();
      },
      timeout);
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

void Client::CallAsync(std::string_view method, const Identity& identity, const google::protobuf::Message& request,
                       google::protobuf::Message* response, std::function<void(absl::Status)> done,
                       std::optional<std::chrono::milliseconds> timeout) {
  auto* call = new UnaryCall;
  call->request = ToBytes(request);
  call->response = response;
  call->done = std::move(done);
  call->calls = &impl_->calls;
  call->span = PrepareContext(method, identity, impl_->options.credentials.get(),
                              timeout.value_or(impl_->options.default_timeout), call->context.get());
  impl_->calls.Add(call->context.get());
  impl_->stub.UnaryCall(call->context.get(), PathOf(method), {}, &call->request, &call->response_bytes,
                        [call](const grpc::Status& status) { UnaryCall::Finish(call, status); });
}

std::unique_ptr<ClientStream> Client::Stream(std::string_view method, const Identity& identity,
                                             std::optional<std::chrono::milliseconds> timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  PrepareContext(method, identity, impl_->options.credentials.get(), timeout, context.get());
  return OpenStream(impl_->stub, PathOf(method), impl_->calls, std::move(context));
}

}  // namespace embudo::rpc
