#include "common/app/flags.h"

#include <CLI/CLI.hpp>
#include <cctype>

namespace embudo::app {
namespace {

struct Ports {
  const char* service;
  int number;
};
constexpr Ports kPorts[] = {{"all_in_one", 0}, {"pipeline", 1},   {"capture", 2},
                            {"scoring", 3},    {"automation", 4}, {"reporting", 5}};

std::string Loopback(int port) { return "127.0.0.1:" + std::to_string(port); }

int NumberOf(const std::string& service) {
  for (const auto& port : kPorts) {
    if (service == port.service) return port.number;
  }
  return 9;
}

/// `http-listen` → `HTTP_LISTEN`.
std::string EnvironmentName(std::string flag) {
  for (char& c : flag) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return flag;
}

/// Adds flags to a CLI11 parser, each with its environment variable.
class Flags {
 public:
  Flags(CLI::App& parser, const std::string& service) : parser_(parser), own_(EnvironmentName(service) + "_") {}

  template <class Value>
  CLI::Option* Add(const std::string& name, Value& value, const std::string& help) {
    return parser_.add_option("--" + name, value, help)
        ->envname("EMBUDO_" + EnvironmentName(name))
        ->capture_default_str();
  }
  /// A flag that differs from service to service: its variable bears the service's name.
  CLI::Option* AddOwn(const std::string& name, std::string& value, const std::string& help) {
    return Add(name, value, help)->envname("EMBUDO_" + own_ + EnvironmentName(name));
  }
  void AddSwitch(const std::string& name, bool& value, const std::string& help) {
    parser_.add_flag("--" + name + ",!--no-" + name, value, help)->envname("EMBUDO_" + EnvironmentName(name));
  }

 private:
  CLI::App& parser_;
  const std::string own_;
};

void AddAddresses(Flags& flags, Config& config) {
  flags.AddOwn("listen", config.listen, "Address of the gRPC server; port 0 lets the system choose");
  flags.AddOwn("metrics-listen", config.metrics_listen, "Address of /metrics, /healthz, /readyz; empty: not served");
  flags.Add("postgres", config.postgres, "libpq connection string without user");
  flags.Add("redis", config.redis, "host:port, the path of a socket, or cluster:host:port,host:port for Redis Cluster");
  flags.Add("redis-password-file", config.redis_password_file, "File with Redis' password; empty: it has none");
  flags.Add("pipeline", config.pipeline_target, "gRPC target of the pipeline service");
  flags.Add("capture", config.capture_target, "gRPC target of the capture service");
  flags.Add("scoring", config.scoring_target, "gRPC target of the scoring service");
  flags.Add("automation", config.automation_target, "gRPC target of the automation service");
  flags.Add("reporting", config.reporting_target, "gRPC target of the reporting service");
}

void AddAccess(Flags& flags, Config& config) {
  flags.AddSwitch("dev-identity", config.dev_identity, "Believe x-embudo-… headers without proof; loopback only");
  flags.Add("jwks", config.jwks, "Key sets that sign callers' tokens: files or URLs, separated by commas");
  flags.Add("jwt-issuer", config.jwt_issuer, "Issuers of the tokens, one per key set, separated by commas");
  flags.Add("jwt-audience", config.jwt_audience, "Audiences that tokens may be for, separated by commas");
  flags.Add("jwt-tenant-claim", config.jwt_tenant_claim, "Claim that holds the tenant's id");
  flags.Add("jwt-roles-claim", config.jwt_roles_claim, "Claim that holds the roles");
  flags.Add("tls-certificate", config.tls_certificate, "PEM file of this process's certificates; empty: no TLS");
  flags.Add("tls-key", config.tls_key, "PEM file of their private key");
  flags.Add("tls-ca", config.tls_ca, "PEM file of the roots that others' certificates must lead to");
  flags.AddSwitch("plaintext", config.plaintext, "Serve other addresses than loopback without TLS: a mesh speaks it");
  flags.Add("service-key", config.service_key, "PEM file of the P-256 key that signs calls to other services");
}

void AddLimits(Flags& flags, Config& config) {
  constexpr int64_t kMost = int64_t{1} << 50;
  const auto add = [&](const char* name, int64_t& value, const std::string& help) {
    flags.Add(name, value, help + " of a tenant that has no limit of its own; 0: no limit")
        ->check(CLI::Range(0L, kMost));
  };
  add("tenant-reads", config.tenant_reads, "Reads a second");
  add("tenant-writes", config.tenant_writes, "Writes a second");
  add("tenant-bulk", config.tenant_bulk, "Batches, operations and new streams a second");
  add("tenant-streams", config.tenant_streams, "Streams at once in each service");
  add("tenant-storage-bytes", config.tenant_storage_bytes, "Bytes of files, and of what comes in");
  flags.Add("replicas", config.replicas, "Processes of this service, which share each tenant's rates")
      ->check(CLI::Range(1, 10000));
}

void AddRunning(Flags& flags, Config& config, int& notice_ms, int& grace_ms) {
  flags
      .Add("threads", config.threads,
           "Calls at work at once, beside those that wait to be written in a group; also the size of the database pool")
      ->check(CLI::Range(1, 1000));
  flags.Add("queue-length", config.queue_length, "Calls that may wait for a thread")->check(CLI::Range(0, 100000));
  flags.AddSwitch("reflection", config.reflection, "Serve gRPC reflection");
  flags.Add("otlp", config.otlp, "gRPC target of an OpenTelemetry collector that takes traces; empty: none are sent");
  flags.Add("trace-sample-ratio", config.trace_sample_ratio, "Part of the traces beginning here that are recorded")
      ->check(CLI::Range(0.0, 1.0));
  flags.Add("log-level", config.log_level, "Least severe lines that are logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}));
  flags.Add("drain-notice-ms", notice_ms, "At a stop: how long new calls are still served after NOT_SERVING")
      ->check(CLI::NonNegativeNumber);
  flags.Add("drain-grace-ms", grace_ms, "At a stop: how long running calls then get")->check(CLI::NonNegativeNumber);
}

}  // namespace

std::variant<Config, int> ParseFlags(const std::string& service, const std::vector<Option>& options, int argc,
                                     char** argv) {
  Config config;
  config.service = service;
  config.listen = Loopback(7000 + NumberOf(service));
  config.metrics_listen = Loopback(7100 + NumberOf(service));
  config.jwt_tenant_claim = "tenant";
  config.jwt_roles_claim = "roles";
  if (service != "all_in_one") {
    config.pipeline_target = Loopback(7000 + NumberOf("pipeline"));
    config.capture_target = Loopback(7000 + NumberOf("capture"));
    config.scoring_target = Loopback(7000 + NumberOf("scoring"));
    config.automation_target = Loopback(7000 + NumberOf("automation"));
    config.reporting_target = Loopback(7000 + NumberOf("reporting"));
  }
  auto notice_ms = static_cast<int>(config.drain_notice.count());
  auto grace_ms = static_cast<int>(config.drain_grace.count());

  CLI::App parser("Embudo's " + service + " service", service);
  Flags flags(parser, service);
  AddAddresses(flags, config);
  AddAccess(flags, config);
  AddLimits(flags, config);
  AddRunning(flags, config, notice_ms, grace_ms);
  for (const auto& option : options) {
    flags.AddOwn(option.name, config.options[option.name] = option.default_value, option.help);
  }
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return parser.exit(e);
  }
  config.drain_notice = std::chrono::milliseconds(notice_ms);
  config.drain_grace = std::chrono::milliseconds(grace_ms);
  return config;
}

}  // namespace embudo::app
