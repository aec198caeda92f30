#include "common/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "common/base/error.h"
#include "common/rpc/core.h"
#include "common/rpc/grpc_process.h"
#include "common/rpc/health.h"
#include "common/rpc/tls.h"
#include "common/rpc/transport.h"

namespace embudo::rpc {
namespace {

constexpr int kMaxSendBytes = 64 << 20;

/// Whether only this machine can reach the address.
bool IsLoopback(const std::string& listen) {
  if (listen.starts_with("unix:") || listen.starts_with("unix-abstract:")) return true;
  const std::string host = listen.substr(0, listen.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

/// The methods of a service. One without a handler is a programming error: there is nothing to go on with.
std::vector<std::unique_ptr<ServedMethod>> MethodsOf(const Service& service, metrics::Registry& metrics) {
  std::vector<std::unique_ptr<ServedMethod>> methods;
  for (int i = 0; i < service.descriptor()->method_count(); ++i) {
    const auto* descriptor = service.descriptor()->method(i);
    const auto found = service.methods().find(descriptor->name());
    if (found == service.methods().end()) {
      std::fprintf(stderr, "rpc: %s has no handler\n", descriptor->full_name().c_str());
      std::abort();
    }
    methods.push_back(std::make_unique<ServedMethod>(found->second, metrics));
  }
  return methods;
}

void SetChannelArguments(const ServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(options.max_receive_bytes);
  builder->SetMaxSendMessageSize(kMaxSendBytes);
  // A port that is taken is an error, not something to share.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Event streams find dead peers within half a minute, so both ends ping, and clients may do so often.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 12000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
  // Old connections are asked to end, so that clients look for new servers; running calls and streams go on.
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 10 * 60 * 1000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions options, std::shared_ptr<Authenticator> authenticator, metrics::Registry& registry)
      : core(std::move(options), std::move(authenticator), registry), metrics(registry) {}

  void AddHealth() {
    std::vector<std::string> names;
    for (const Service* service : services) names.push_back(service->descriptor()->full_name());
    health = std::make_unique<Health>(names);
    auto methods = MethodsOf(health->MakeService(), metrics);
    for (auto& method : methods) {
      method->has_access = true;
      method->access.set_anonymous(true);
      method->immediate = true;
    }
    transports.push_back(std::make_unique<Transport>(core, std::move(methods)));
  }

  Core core;
  metrics::Registry& metrics;
  std::vector<const Service*> services;
  std::unique_ptr<Health> health;
  std::vector<std::unique_ptr<Transport>> transports;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

Server::Server(ServerOptions options, std::shared_ptr<Authenticator> authenticator, metrics::Registry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(authenticator), metrics)) {
  SetUpGrpc();
}

Server::~Server() { Shutdown(std::chrono::milliseconds(0), std::chrono::milliseconds(0)); }

void Server::Add(const Service& service) { impl_->services.push_back(&service); }

void Server::UseGate(std::shared_ptr<Gate> gate) {
  impl_->core.gate = std::move(gate);
  if (impl_->core.gate == nullptr) return;
  const std::weak_ptr<Streams> streams = impl_->core.streams;
  impl_->core.gate->OnClosed([streams](const std::string& tenant, const absl::Status& why) {
    if (const auto running = streams.lock()) running->End(tenant, why);
  });
}

absl::Status Server::Start() {
  const ServerOptions& options = impl_->core.options;
  if (impl_->core.authenticator->development() && !IsLoopback(options.listen)) {
    return Error(absl::StatusCode::kInvalidArgument, "DEV_IDENTITY_NEEDS_LOOPBACK",
                 "the development identity is for loopback only, not for " + options.listen);
  }
  if (!options.plaintext && !ServesTls() && !IsLoopback(options.listen)) {
    return Error(absl::StatusCode::kInvalidArgument, "TLS_REQUIRED",
                 options.listen +
                     " can be reached from outside: give --tls-certificate, --tls-key and --tls-ca, or"
                     " --plaintext where something else speaks TLS");
  }
  for (const Service* service : impl_->services) {
    impl_->transports.push_back(std::make_unique<Transport>(impl_->core, MethodsOf(*service, impl_->metrics)));
  }
  impl_->AddHealth();
  if (options.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetChannelArguments(options, &builder);
  builder.AddListeningPort(options.listen, ServerCredentials(), &impl_->port);
  for (const auto& transport : impl_->transports) builder.RegisterService(transport.get());
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr) {
    return Error(absl::StatusCode::kUnavailable, "ADDRESS_TAKEN", "cannot listen on " + options.listen);
  }
  return absl::OkStatus();
}

int Server::port() const { return impl_->port; }

void Server::SetReady(bool ready) { impl_->health->SetReady(ready); }

void Server::Shutdown(std::chrono::milliseconds notice, std::chrono::milliseconds grace) {
  if (impl_->server == nullptr) return;
  impl_->health->Drain();
  impl_->core.streams->Drain();
  std::this_thread::sleep_for(notice);
  impl_->core.draining = true;
  impl_->server->Shutdown(std::chrono::system_clock::now() + grace);
  impl_->server = nullptr;
  impl_->core.executor.Stop();
}

}  // namespace embudo::rpc
