#include "services/reporting/bind.h"

#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include "common/app/tenant_room.h"
#include "common/base/error.h"
#include "common/event/consumer.h"
#include "common/http/server.h"
#include "common/resource/writer.h"
#include "common/rpc/authenticator.h"
#include "services/reporting/events/keeper.h"
#include "services/reporting/events/projector.h"
#include "services/reporting/http/site.h"
#include "services/reporting/rpc/dashboard_service.h"
#include "services/reporting/rpc/reporting_service.h"
#include "services/reporting/storage/migrations.h"

namespace embudo::reporting {
namespace {

/// Beside those of calls that ask how far the log has been read.
constexpr int kKeeperConnections = 3;
constexpr int kProgressConnections = 4;
/// How long events gather where they come one after the other; so old, and a little older, are the figures.
constexpr std::chrono::milliseconds kGather{20};

constexpr char kSlowMs[] = "rollup-after-ms";
constexpr char kLimitMs[] = "report-limit-ms";
constexpr char kHttpListen[] = "http-listen";
constexpr char kReplica[] = "postgres-replica";

/// Puts the number that a flag of the service's own was given into `value`, if it was given.
absl::Status ReadMillis(const app::Config& config, const char* name, std::chrono::milliseconds* value) {
  const auto found = config.options.find(name);
  if (found == config.options.end() || found->second.empty()) return absl::OkStatus();
  const std::string& text = found->second;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > 600000) {
    return InvalidField(name, "\"" + text + "\" is not a number of milliseconds from 0 to 600000");
  }
  *value = std::chrono::milliseconds(number);
  return absl::OkStatus();
}

event::Consumer::Options ConsumerOptions(const app::Config& config) {
  event::Consumer::Options options = event::Consumer::OptionsOf(kConsumer, config.postgres, config.redis);
  options.derived = true;
  options.gather = kGather;
  return options;
}

/// A standby, by connections of its own.
struct Replica {
  Replica(const std::string& conninfo, int threads)
      : pool(db::ConninfoFor(conninfo, "reporting_rpc", "embudo-reporting"), threads),
        worker_pool(db::ConninfoFor(conninfo, "reporting_worker", "embudo-reporting"), kProgressConnections) {}

  db::Pool pool;
  db::Pool worker_pool;
};

/// Everything that lives as long as the service; its background parts hold it.
struct Rooms {
  explicit Rooms(const app::Environment& environment)
      : pool(db::ConninfoFor(environment.config.postgres, "reporting_rpc", "embudo-reporting"),
             environment.config.threads),
        worker_pool(db::ConninfoFor(environment.config.postgres, "reporting_worker", "embudo-reporting"),
                    kProgressConnections),
        keeper_pool(db::ConninfoFor(environment.config.postgres, "reporting_worker", "embudo-reporting-keeper"),
                    kKeeperConnections),
        writer(pool),
        keeper(keeper_pool, environment.clock, environment.metrics),
        consumer(ConsumerOptions(environment.config), events::Project, environment.metrics),
        room{.pool = pool,
             .worker_pool = worker_pool,
             .replica = {},
             .clock = environment.clock,
             .wanted = [this](const WantedRollup& wanted) { keeper.Want(wanted.tenant, wanted.cube, wanted.columns); },
             .await_sum =
                 [this](const WantedRollup& wanted, std::chrono::milliseconds longest) {
                   return keeper.Await(wanted.tenant, wanted.cube, wanted.columns, longest);
                 },
             .used = [this](const storage::Rollup& rollup) { keeper.Use(rollup); }},
        dashboards(room, writer) {
    const auto conninfo = environment.config.options.find(kReplica);
    if (conninfo == environment.config.options.end() || conninfo->second.empty()) return;
    replica.emplace(conninfo->second, environment.config.threads);
    room.replica.emplace(Source{replica->pool, replica->worker_pool});
  }

  std::optional<Replica> replica;
  db::Pool pool;
  db::Pool worker_pool;
  db::Pool keeper_pool;
  resource::Writer writer;
  events::Keeper keeper;
  event::Consumer consumer;
  Room room;
  DashboardService dashboards;
};

/// The chart view, which knows its callers as the RPCs do.
struct Page {
  Page(const app::Environment& environment, std::shared_ptr<rpc::Authenticator> authenticator,
       std::shared_ptr<rpc::Gate> gate)
      : site(std::move(authenticator), std::move(gate), environment.clock),
        server(
            {}, [this](const http::Request& request) { return site.Handle(request); }, environment.metrics) {}

  http::Site site;
  embudo::http::Server server;
};

absl::StatusOr<std::shared_ptr<rpc::Authenticator>> AuthenticatorOf(const app::Environment& environment) {
  const app::Config& config = environment.config;
  if (config.dev_identity) return rpc::DevAuthenticator();
  return rpc::JwtAuthenticator({.jwks = config.jwks,
                                .issuer = config.jwt_issuer,
                                .audience = config.jwt_audience,
                                .tenant_claim = config.jwt_tenant_claim,
                                .roles_claim = config.jwt_roles_claim},
                               environment.clock);
}

/// Serves the chart view, if it has an address.
absl::Status BindPage(const app::Environment& environment, app::Bindings& bindings) {
  const auto listen = environment.config.options.find(kHttpListen);
  if (listen == environment.config.options.end() || listen->second.empty()) return absl::OkStatus();
  const std::string& address = listen->second;
  if (environment.config.dev_identity && !address.starts_with("127.0.0.1:") && !address.starts_with("localhost:")) {
    return InvalidField(kHttpListen, "the development identity is for loopback addresses only");
  }
  EMBUDO_ASSIGN_OR_RETURN(auto authenticator, AuthenticatorOf(environment));
  const auto page = std::make_shared<Page>(environment, std::move(authenticator), bindings.gate);
  for (const auto& service : bindings.services) page->site.Serve(*service);
  EMBUDO_RETURN_IF_ERROR(page->server.Listen(address));
  bindings.background.emplace_back(page, &page->server);
  return absl::OkStatus();
}

}  // namespace

const std::vector<app::Option>& Options() {
  static const auto* const options = new std::vector<app::Option>{
      {kSlowMs, "a report that takes longer over the records makes a sum be kept that answers it from then on", "10"},
      {kLimitMs, "the longest that one report may go through the records", "10000"},
      {kReplica, "libpq conninfo of a standby that reports are read from while it answers; empty: the primary", ""},
      {kHttpListen, "host:port of the chart view, an HTML page for browsers; empty: not served", ""},
  };
  return *options;
}

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  const auto rooms = std::make_shared<Rooms>(environment);
  EMBUDO_RETURN_IF_ERROR(ReadMillis(environment.config, kSlowMs, &rooms->room.slow));
  EMBUDO_RETURN_IF_ERROR(ReadMillis(environment.config, kLimitMs, &rooms->room.limit));
  bindings.services.push_back(MakeReportingService(rooms->room));
  bindings.services.push_back(rooms->dashboards.MakeService());
  bindings.background.emplace_back(rooms, &rooms->keeper);
  bindings.background.emplace_back(rooms, &rooms->consumer);
  tenancy::Bind(environment, bindings);
  EMBUDO_RETURN_IF_ERROR(BindPage(environment, bindings));
  bindings.ready = [rooms] { return db::CheckSchema(rooms->worker_pool, "reporting", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::reporting
