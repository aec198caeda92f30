#include "services/capture/bind.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "common/app/tenant_room.h"
#include "common/base/error.h"
#include "common/chore/chore.h"
#include "common/event/consumer.h"
#include "common/http/server.h"
#include "common/rpc/fetch.h"
#include "services/capture/events/import_runner.h"
#include "services/capture/events/lead_reader.h"
#include "services/capture/events/mail_poller.h"
#include "services/capture/events/public_readers.h"
#include "services/capture/events/storage_use.h"
#include "services/capture/events/sweeper.h"
#include "services/capture/http/public_site.h"
#include "services/capture/rpc/enrichment_service.h"
#include "services/capture/rpc/mail_service.h"
#include "services/capture/rpc/public_services.h"
#include "services/capture/rpc/services.h"
#include "services/capture/storage/migrations.h"
#include "services/capture/storage/retention.h"

namespace embudo::capture {
namespace {

/// Connections of the worker: two imports at once, each with a statement or two on its way.
constexpr int kWorkerConnections = 4;

constexpr char kBatchRows[] = "import-batch-rows";
constexpr char kLeaseMs[] = "import-lease-ms";
constexpr char kHttpListen[] = "public-http-listen";
constexpr char kHttpHops[] = "public-http-proxy-hops";
constexpr char kHttpRate[] = "public-http-address-rate";
constexpr char kPublicUri[] = "public-uri";
constexpr char kLinkSecretFile[] = "link-secret-file";
constexpr char kSecretsDir[] = "secrets-dir";
constexpr char kMailCaFile[] = "mail-ca-file";
constexpr char kSubmissionAgeMs[] = "submission-age-ms";
constexpr char kPrivateProviders[] = "private-enrichment-providers";

/// Puts the number that a flag of the service's own was given into `value`, if it was given. INVALID_ARGUMENT out of
/// range.
absl::Status ReadOption(const app::Config& config, const char* name, int64_t least, int64_t most, int64_t* value) {
  const auto found = config.options.find(name);
  if (found == config.options.end()) return absl::OkStatus();
  const std::string& text = found->second;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return InvalidField(
        name, "\"" + text + "\" is not a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  *value = number;
  return absl::OkStatus();
}

absl::StatusOr<events::ImportLimits> LimitsOf(const app::Config& config) {
  events::ImportLimits limits;
  auto rows = static_cast<int64_t>(limits.batch_rows);
  int64_t lease_ms = limits.lease.count();
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kBatchRows, 1, 1000, &rows));
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kLeaseMs, 500, 600000, &lease_ms));
  int64_t age_ms = 0;
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kSubmissionAgeMs, 0, 600000, &age_ms));
  limits.batch_rows = static_cast<size_t>(rows);
  limits.lease = std::chrono::milliseconds(lease_ms);
  return limits;
}

std::string TextOption(const app::Config& config, const char* name) {
  const auto found = config.options.find(name);
  return found == config.options.end() ? "" : found->second;
}

/// How the service shows itself to strangers.
struct PublicSettings {
  std::string listen;
  std::string uri;
  http::SiteOptions site;
  logic::LinkSigner signer{{}};
};

absl::StatusOr<PublicSettings> PublicSettingsOf(const app::Config& config) {
  PublicSettings settings;
  settings.listen = TextOption(config, kHttpListen);
  settings.uri = TextOption(config, kPublicUri);
  if (settings.uri.empty()) settings.uri = "http://" + settings.listen;
  while (settings.uri.ends_with('/')) settings.uri.pop_back();
  int64_t hops = settings.site.proxy_hops;
  int64_t rate = settings.site.address_rate_per_minute;
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kHttpHops, 0, 10, &hops));
  EMBUDO_RETURN_IF_ERROR(ReadOption(config, kHttpRate, 1, 1000000, &rate));
  settings.site.proxy_hops = static_cast<int>(hops);
  settings.site.address_rate_per_minute = static_cast<int>(rate);
  const std::string secrets = TextOption(config, kLinkSecretFile);
  if (secrets.empty()) return settings;
  EMBUDO_ASSIGN_OR_RETURN(const std::string text, embudo::rpc::Fetch(secrets));
  EMBUDO_ASSIGN_OR_RETURN(settings.signer, logic::LinkSigner::Parse(text));
  return settings;
}

/// Everything that serves strangers: connections to the database of its own, so that a flood of them leaves the RPCs'
/// alone.
struct PublicFace {
  PublicFace(const app::Environment& environment, const PublicSettings& settings, embudo::rpc::Client& pipeline)
      : limits(LimitsFor(settings.site)),
        worker_pool(db::ConninfoFor(environment.config.postgres, "capture_worker", "embudo-capture-public"),
                    limits.threads / 2),
        pool(db::ConninfoFor(environment.config.postgres, "capture_rpc", "embudo-capture-public"), limits.threads),
        signer(settings.signer),
        site(worker_pool, pool, pipeline, signer, environment.clock, environment.metrics, settings.site),
        server(
            limits, [this](const http::Request& request) { return site.Handle(request); }, environment.metrics) {}

  /// Behind proxies, all connections are theirs.
  static embudo::http::Limits LimitsFor(const http::SiteOptions& site) {
    embudo::http::Limits limits;
    if (site.proxy_hops > 0) limits.connections_per_address = 0;
    return limits;
  }

  const embudo::http::Limits limits;
  db::Pool worker_pool;
  db::Pool pool;
  const logic::LinkSigner signer;
  http::PublicSite site;
  embudo::http::Server server;
};

events::PollerOptions PollerOptionsOf(const app::Config& config) {
  events::PollerOptions options;
  options.secrets_dir = TextOption(config, kSecretsDir);
  options.ca_file = TextOption(config, kMailCaFile);
  return options;
}

event::Consumer::Options LeadReaderOptionsOf(const app::Config& config) {
  event::Consumer::Options options = event::Consumer::OptionsOf("capture", config.postgres, config.redis);
  // What must not race is claimed by whoever captures, and does not wait for the index.
  options.gather = std::chrono::milliseconds(20);
  return options;
}

events::EnricherOptions EnricherOptionsOf(const app::Config& config) {
  events::EnricherOptions options;
  options.secrets_dir = TextOption(config, kSecretsDir);
  options.private_targets = TextOption(config, kPrivateProviders) == "true";
  options.parallel = std::max(1, config.threads / 2);
  return options;
}

events::Sweeper::Options SweeperOptions(const app::Config& config) {
  events::Sweeper::Options options;
  int64_t age_ms = options.age.count();
  // Its range was checked with the import's.
  ReadOption(config, kSubmissionAgeMs, 0, 600000, &age_ms).IgnoreError();
  options.age = std::chrono::milliseconds(age_ms);
  options.every = std::min(options.every, options.age / 4 + std::chrono::milliseconds(50));
  return options;
}

/// Everything that the service's process holds, in the order that it is built in.
struct Rooms {
  Rooms(const app::Environment& environment, const events::ImportLimits& limits, const PublicSettings& settings)
      : rpc_pool(db::ConninfoFor(environment.config.postgres, "capture_rpc", "embudo-capture"),
                 environment.config.threads),
        worker_pool(db::ConninfoFor(environment.config.postgres, "capture_worker", "embudo-capture"),
                    kWorkerConnections),
        pipeline({environment.config.pipeline_target, environment.credentials}),
        runner(worker_pool, pipeline, environment.clock, limits),
        room(rpc_pool, pipeline, environment.clock, [this] { runner.Wake(); }),
        public_room(rpc_pool, pipeline, environment.clock, settings.signer, settings.uri),
        face(environment, settings, pipeline),
        worker_submissions(worker_pool),
        worker_intake(worker_submissions, pipeline, environment.clock),
        sweeper(worker_submissions, worker_intake, environment.clock, SweeperOptions(environment.config)),
        lead_reader(LeadReaderOptionsOf(environment.config), events::TakeIn, environment.metrics),
        writer(rpc_pool),
        mail(rpc_pool, writer, room.intake, pipeline, environment.clock, environment.metrics),
        enrichment(rpc_pool, writer, pipeline, environment.clock, EnricherOptionsOf(environment.config)),
        poller(worker_pool, mail.gateway, environment.clock, PollerOptionsOf(environment.config)),
        retention("retention", std::chrono::hours(1),
                  [this, &clock = environment.clock] { return storage::DropOldContent(worker_pool, clock.Now()); }),
        storage_use("storage use", std::chrono::hours(1), [this, &clock = environment.clock] {
          return events::TellStorageUse(worker_pool, pipeline, clock);
        }) {
    room.storage_limit = environment.config.tenant_storage_bytes;
  }

  db::Pool rpc_pool;
  db::Pool worker_pool;
  embudo::rpc::Client pipeline;
  events::ImportRunner runner;
  rpc::Room room;
  rpc::PublicRoom public_room;
  PublicFace face;
  /// What goes on without a caller.
  storage::SubmissionStore worker_submissions;
  events::Intake worker_intake;
  events::Sweeper sweeper;
  event::Consumer lead_reader;
  resource::Writer writer;
  rpc::MailRoom mail;
  rpc::EnrichmentRoom enrichment;
  events::MailPoller poller;
  Chore retention;
  Chore storage_use;
};

}  // namespace

const std::vector<app::Option>& Options() {
  static const std::vector<app::Option> options = {
      {kBatchRows, "Rows that an import sends to the pipeline service at once, 1–1000", "500"},
      {kLeaseMs, "How long an import waits for its worker before another takes it up, in milliseconds", "15000"},
      {kHttpListen, "Address of the HTTP server for forms, webhooks and links; empty: not served", "127.0.0.1:7202"},
      {kHttpHops, "Trusted proxies before it, which add to X-Forwarded-For", "0"},
      {kHttpRate, "Requests a minute that it takes from one address", "600"},
      {kPublicUri, "What its addresses begin with as others see them; empty: http:// and the address above", ""},
      {kLinkSecretFile, "File with the secrets that sign links, one a line, the newest first; empty: no links", ""},
      {kSecretsDir, "Directory with one directory a tenant, whose files hold the passwords of mailboxes", ""},
      {kMailCaFile, "Certificates that IMAP servers are checked against; empty: the system's", ""},
      {kSubmissionAgeMs,
       "How old a submission without an outcome is before the work on it is taken up, in milliseconds", "60000"},
      {kPrivateProviders, "Whether enrichment may ask providers in private networks: true or false", "false"}};
  return options;
}

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  EMBUDO_ASSIGN_OR_RETURN(const events::ImportLimits limits, LimitsOf(environment.config));
  EMBUDO_ASSIGN_OR_RETURN(const PublicSettings settings, PublicSettingsOf(environment.config));
  auto rooms = std::make_shared<Rooms>(environment, limits, settings);
  events::ReadPublicChannels(rooms->rpc_pool, rooms->room.intake);
  bindings.services.push_back(rpc::MakeCaptureService(rooms->room));
  bindings.services.push_back(rpc::MakeImportService(rooms->room));
  bindings.services.push_back(rpc::MakeOperationService(rooms->room));
  bindings.services.push_back(rpc::MakeFormService(rooms->public_room));
  bindings.services.push_back(rpc::MakeHookService(rooms->public_room));
  bindings.services.push_back(rpc::MakeLinkService(rooms->public_room));
  bindings.services.push_back(rpc::MakeImportMappingService(rooms->room));
  bindings.services.push_back(rpc::MakeMailService(rooms->mail));
  bindings.services.push_back(rpc::MakeAddInService(rooms->mail));
  bindings.services.push_back(rpc::MakeEnrichmentService(rooms->enrichment));
  bindings.background = {
      std::shared_ptr<Background>(rooms, &rooms->runner),      std::shared_ptr<Background>(rooms, &rooms->sweeper),
      std::shared_ptr<Background>(rooms, &rooms->lead_reader), std::shared_ptr<Background>(rooms, &rooms->poller),
      std::shared_ptr<Background>(rooms, &rooms->retention),   std::shared_ptr<Background>(rooms, &rooms->storage_use)};
  if (!settings.listen.empty()) {
    EMBUDO_RETURN_IF_ERROR(rooms->face.server.Listen(settings.listen));
    bindings.background.emplace_back(rooms, &rooms->face.server);
  }
  tenancy::Bind(environment, bindings);
  bindings.ready = [rooms] { return db::CheckSchema(rooms->rpc_pool, "capture", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::capture
