#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"

namespace embudo::app {

/// What every service is configured by: flags, or the environment variable that --help names beside each.
struct Config {
  std::string service;
  std::string listen;               ///< --listen, EMBUDO_<SERVICE>_LISTEN
  std::string metrics_listen;       ///< --metrics-listen: /metrics, /healthz, /readyz; empty: not served
  std::string postgres;             ///< --postgres, EMBUDO_POSTGRES: libpq conninfo without user
  std::string redis;                ///< --redis, EMBUDO_REDIS: host:port or a socket's path
  std::string redis_password_file;  ///< --redis-password-file
  bool dev_identity = false;        ///< --dev-identity: loopback only
  std::string jwks, jwt_issuer, jwt_audience, jwt_tenant_claim, jwt_roles_claim;
  std::string tls_certificate, tls_key, tls_ca;  ///< --tls-…: PEM files; empty: no TLS
  bool plaintext = false;                        ///< --plaintext: others may reach the gRPC port without TLS
  /// --tenant-…: limits of a tenant that has none of its own; 0: no limit. Rates are a second's.
  int64_t tenant_reads = 0, tenant_writes = 0, tenant_bulk = 0, tenant_streams = 0, tenant_storage_bytes = 0;
  int replicas = 1;                  ///< --replicas: processes of this service, which share a tenant's rates
  std::string otlp;                  ///< --otlp: gRPC target of an OpenTelemetry collector; empty: no traces are sent
  double trace_sample_ratio = 0.01;  ///< --trace-sample-ratio
  std::string service_key;           ///< --service-key: PEM that signs calls to other services
  std::string pipeline_target;       ///< --pipeline: gRPC target of the pipeline service
  std::string capture_target, scoring_target, automation_target, reporting_target;
  int threads = 16;
  int queue_length = 64;
  bool reflection = true;
  std::string log_level = "info";
  std::chrono::milliseconds drain_notice{500};   ///< --drain-notice-ms
  std::chrono::milliseconds drain_grace{20000};  ///< --drain-grace-ms
  std::map<std::string, std::string> options;    ///< the service's own flags, see Option
};

/// A flag of one service's own: `--<name>`, or EMBUDO_<SERVICE>_<NAME>. Its value is in Config::options, by name.
struct Option {
  std::string name;
  std::string help;
  std::string default_value;
};

/// What a service puts into its process; filled by its Bind function.
struct Bindings {
  std::vector<std::unique_ptr<rpc::Service>> services;
  /// Started in this order before the port opens, stopped in reverse after the last call has been answered.
  std::vector<std::shared_ptr<Background>> background;
  /// Whose tenants are served, and how much of them.
  std::shared_ptr<rpc::Gate> gate;
  /// Asked once a second: OK if the service can do its work. Its answer is the readiness.
  std::function<absl::Status()> ready;
};

/// What a Bind function is given. All of it lives as long as the process serves.
struct Environment {
  const Config& config;
  const Clock& clock;
  metrics::Registry& metrics;
  std::shared_ptr<rpc::Credentials> credentials;
};

/// Wires a service: builds its rooms, registers its RPCs and background parts. It must not need the database: that is
/// waited for by what runs in the background.
using BindFunction = std::function<absl::Status(const Environment&, Bindings&)>;

/// The whole life of a process: flags, logging, Bind, serve, wait for SIGTERM or SIGINT, drain, stop in reverse order.
/// A second signal ends it at once. Returns the exit code.
int Run(const std::string& service, const BindFunction& bind, int argc, char** argv,
        const std::vector<Option>& options = {});

/// Several services in one process on one port, each bound with a Config of its own name; they reach each other over
/// that port.
int RunAll(const std::vector<std::pair<std::string, BindFunction>>& services, int argc, char** argv,
           const std::vector<Option>& options = {});

}  // namespace embudo::app
