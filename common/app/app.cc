#include "common/app/app.h"

#include <prometheus/gauge.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <optional>

#include "common/app/admin_server.h"
#include "common/app/flags.h"
#include "common/app/free_port.h"
#include "common/app/readiness.h"
#include "common/app/signals.h"
#include "common/base/error.h"
#include "common/db/pool_metrics.h"
#include "common/log/log.h"
#include "common/redis/connection.h"
#include "common/rpc/fetch.h"
#include "common/rpc/span_exporter.h"
#include "common/rpc/tls_files.h"

extern "C" {
/// What jemalloc, the services' allocator, reads at start: few arenas, however many processors the machine has, and
/// memory that is free goes back to the system while nobody calls, too.
const char* malloc_conf = "narenas:8,background_thread:true";
}

namespace embudo::app {
namespace {

using Services = std::vector<std::pair<std::string, BindFunction>>;

absl::StatusOr<std::shared_ptr<rpc::Authenticator>> MakeAuthenticator(const Config& config, const Clock& clock) {
  if (config.dev_identity) return rpc::DevAuthenticator();
  if (config.jwks.empty()) {
    return absl::InvalidArgumentError("give --jwks, so that callers can show who they are, or --dev-identity");
  }
  rpc::JwtOptions options;
  options.jwks = config.jwks;
  options.issuer = config.jwt_issuer;
  options.audience = config.jwt_audience;
  options.tenant_claim = config.jwt_tenant_claim;
  options.roles_claim = config.jwt_roles_claim;
  return rpc::JwtAuthenticator(options, clock);
}

absl::StatusOr<std::shared_ptr<rpc::Credentials>> MakeCredentials(const Config& config) {
  if (config.dev_identity) return rpc::DevCredentials();
  if (config.service_key.empty()) return nullptr;
  rpc::SigningOptions options;
  options.private_key_pem_file = config.service_key;
  options.tenant_claim = config.jwt_tenant_claim;
  options.roles_claim = config.jwt_roles_claim;
  return rpc::SigningCredentials(options);
}

rpc::ServerOptions ServerOptionsOf(const Config& config) {
  rpc::ServerOptions options;
  options.listen = config.listen;
  options.threads = config.threads;
  options.queue_length = config.queue_length;
  options.reflection = config.reflection;
  options.plaintext = config.plaintext;
  return options;
}

/// One process: its services and all that they stand on, in the order in which they come to life.
class Process {
 public:
  explicit Process(Config config) : config_(std::move(config)) {
    db::MeasurePools(&metrics_);
    if (config_.otlp.empty()) return;
    rpc::SpanExporterOptions options;
    options.target = config_.otlp;
    options.service = config_.service;
    trace::SetSpanSink(rpc::SpanExporter(options, metrics_), config_.trace_sample_ratio);
  }
  /// What still measures or records goes with it.
  ~Process() {
    trace::SetSpanSink(nullptr, 0);
    db::MeasurePools(nullptr);
  }

  absl::Status Bind(const Services& services) {
    const rpc::TlsFiles tls{config_.tls_certificate, config_.tls_key, config_.tls_ca};
    if (!tls.empty()) EMBUDO_RETURN_IF_ERROR(rpc::UseTls(tls));
    if (!config_.redis_password_file.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(std::string password, rpc::Fetch(config_.redis_password_file));
      password.erase(password.find_last_not_of("\r\n") + 1);
      redis::UsePassword(std::move(password));
    }
    EMBUDO_ASSIGN_OR_RETURN(auto credentials, MakeCredentials(config_));
    for (const auto& [name, bind] : services) {
      Config& own = configs_.emplace_back(config_);
      own.service = name;
      const Environment& environment = environments_.emplace_back(
          Environment{.config = own, .clock = Clock::System(), .metrics = metrics_, .credentials = credentials});
      EMBUDO_RETURN_IF_ERROR(bind(environment, bindings_.emplace_back()));
    }
    return absl::OkStatus();
  }

  absl::Status Start() {
    EMBUDO_ASSIGN_OR_RETURN(auto authenticator, MakeAuthenticator(config_, Clock::System()));
    server_.emplace(ServerOptionsOf(config_), std::move(authenticator), metrics_);
    for (const auto& bindings : bindings_) {
      for (const auto& service : bindings.services) server_->Add(*service);
    }
    // Those of several services in one process know the same tenants.
    server_->UseGate(bindings_.front().gate);
    for (const auto& bindings : bindings_) {
      for (const auto& part : bindings.background) {
        part->Start();
        started_.push_back(part);
      }
    }
    EMBUDO_RETURN_IF_ERROR(server_->Start());
    if (!config_.metrics_listen.empty()) EMBUDO_RETURN_IF_ERROR(admin_.Start(config_.metrics_listen));
    log::Info("listening", {{"address", Address()}, {"metrics_address", admin_.address()}});
    prometheus::Gauge& ready = metrics_.Gauge("embudo_ready", "Whether the process can do its work");
    readiness_.emplace([this] { return StopIfHopeless(Ready()); },
                       [this, &ready](const absl::Status& status) {
                         ready.Set(status.ok() ? 1 : 0);
                         admin_.SetReady(status);
                         server_->SetReady(status.ok());
                       });
    return absl::OkStatus();
  }

  bool hopeless() const { return hopeless_; }

  void Stop() {
    readiness_.reset();
    admin_.SetReady(absl::UnavailableError("the server is shutting down"));
    // Calls first: what runs in the background may be what they wait for.
    if (server_) server_->Shutdown(config_.drain_notice, config_.drain_grace);
    for (; !started_.empty(); started_.pop_back()) started_.back()->Stop();
  }

 private:
  std::string Address() const {
    if (config_.listen.starts_with("unix")) return config_.listen;
    return config_.listen.substr(0, config_.listen.rfind(':') + 1) + std::to_string(server_->port());
  }

  absl::Status Ready() const {
    for (const auto& bindings : bindings_) {
      if (bindings.ready) EMBUDO_RETURN_IF_ERROR(bindings.ready());
    }
    return absl::OkStatus();
  }

  /// A pooler that breaks sessions is no state to wait in: what runs in the background would do harm.
  absl::Status StopIfHopeless(absl::Status status) {
    if (ReasonOf(status) == "TRANSACTION_POOLING" && !hopeless_.exchange(true)) {
      log::Error("cannot go on", {{"reason", MessageOf(status)}});
      kill(getpid(), SIGTERM);
    }
    return status;
  }

  const Config config_;
  metrics::Registry metrics_;
  std::atomic<bool> hopeless_ = false;
  // Deques, since others hold references to their elements.
  std::deque<Config> configs_;
  std::deque<Environment> environments_;
  std::deque<Bindings> bindings_;
  std::optional<rpc::Server> server_;
  AdminServer admin_{metrics_};
  std::vector<std::shared_ptr<Background>> started_;
  std::optional<Readiness> readiness_;
};

int RunProcess(Config config, const Services& services) {
  Signals signals;
  const std::string name = config.service;
  Process process(std::move(config));
  absl::Status status = process.Bind(services);
  if (status.ok()) status = process.Start();
  if (status.ok()) {
    signals.Wait();
    log::Info("stopping");
  } else {
    log::Error("cannot start", {{"reason", MessageOf(status)}});
  }
  process.Stop();
  log::Info("stopped");
  return status.ok() && !process.hopeless() ? 0 : 1;
}

}  // namespace

int Run(const std::string& service, const BindFunction& bind, int argc, char** argv,
        const std::vector<Option>& options) {
  auto parsed = ParseFlags(service, options, argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  auto& config = std::get<Config>(parsed);
  log::Init(service, config.log_level);
  return RunProcess(std::move(config), {{service, bind}});
}

int RunAll(const Services& services, int argc, char** argv, const std::vector<Option>& options) {
  auto parsed = ParseFlags("all_in_one", options, argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  auto& config = std::get<Config>(parsed);
  log::Init("all_in_one", config.log_level);
  // The services must know each other's address before they are bound.
  config.listen = WithFreePort(config.listen);
  for (std::string* target : {&config.pipeline_target, &config.capture_target, &config.scoring_target,
                              &config.automation_target, &config.reporting_target}) {
    if (target->empty()) *target = config.listen;
  }
  return RunProcess(std::move(config), services);
}

}  // namespace embudo::app
