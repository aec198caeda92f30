#include "tests/integration/suite.h"

#include <algorithm>

#include "common/base/ids.h"
#include "common/rpc/server.h"
#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"

namespace embudo::testing {

/// A service while it serves.
struct Suite::Hosted {
  Hosted(ServiceUnderTest service, app::Config service_config, const Clock& clock)
      : what(std::move(service)), config(std::move(service_config)) {
    const absl::Status bound = what.bind({config, clock, metrics, rpc::DevCredentials()}, bindings);
    EXPECT_TRUE(bound.ok()) << what.name << ": " << bound;
    rpc::ServerOptions options;
    options.listen = config.listen;
    options.threads = config.threads;
    options.queue_length = config.queue_length;
    server = std::make_unique<rpc::Server>(options, rpc::DevAuthenticator(), metrics);
    for (const auto& bound_service : bindings.services) server->Add(*bound_service);
    server->UseGate(bindings.gate);
    for (const auto& part : bindings.background) part->Start();
    const absl::Status started = server->Start();
    EXPECT_TRUE(started.ok()) << what.name << ": " << started;
    const bool ready = Eventually([this] { return !bindings.ready || bindings.ready().ok(); });
    EXPECT_TRUE(ready) << what.name << ": " << bindings.ready();
    server->SetReady(true);
    client =
        std::make_unique<rpc::Client>(rpc::ClientOptions{.target = address(), .credentials = rpc::DevCredentials()});
  }
  ~Hosted() {
    // The server first: a client that goes away cancels the streams that shall be told of the end.
    server->Shutdown(std::chrono::milliseconds(0), std::chrono::seconds(5));
    client = nullptr;
    for (auto part = bindings.background.rbegin(); part != bindings.background.rend(); ++part) (*part)->Stop();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(server->port()); }

  const ServiceUnderTest what;
  const app::Config config;
  metrics::Registry metrics;
  app::Bindings bindings;
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<rpc::Client> client;
};

std::string Caller::MethodOf(const google::protobuf::Message& request) {
  const auto* file = request.GetDescriptor()->file();
  for (int s = 0; s < file->service_count(); ++s) {
    const auto* service = file->service(s);
    for (int m = 0; m < service->method_count(); ++m) {
      if (service->method(m)->input_type() != request.GetDescriptor()) continue;
      return service->full_name() + "/" + service->method(m)->name();
    }
  }
  ADD_FAILURE() << "no method takes a " << request.GetDescriptor()->full_name();
  return "";
}

Suite::Suite(std::vector<ServiceUnderTest> services) {
  std::vector<ServiceSchema> schemas;
  for (const ServiceUnderTest& service : services) schemas.push_back({service.name, service.migrations});
  database_ = Postgres::Shared().CreateDatabase(schemas);
  sql_ = database_->PoolAs("postgres");
  MakePartitions();
  for (ServiceUnderTest& service : services) {
    app::Config config = ConfigOf(service);
    services_.push_back(std::make_unique<Hosted>(std::move(service), std::move(config), clock_));
  }
}

Suite::~Suite() {
  while (!services_.empty()) services_.pop_back();
}

Suite::Hosted& Suite::Find(const std::string& service) {
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [&](const auto& hosted) { return hosted->what.name == service; });
  if (found == services_.end()) {
    ADD_FAILURE() << "the suite has no service " << service;
    return *services_.front();
  }
  return **found;
}

app::Config Suite::ConfigOf(const ServiceUnderTest& service) const {
  app::Config config;
  config.service = service.name;
  config.options = service.options;
  config.listen = "127.0.0.1:0";
  config.postgres = database_->conninfo();
  config.redis = redis_.address();
  config.dev_identity = true;
  config.threads = 8;
  config.queue_length = 256;
  for (const auto& hosted : services_) {
    const std::string& name = hosted->what.name;
    if (name == "pipeline") config.pipeline_target = hosted->address();
    if (name == "capture") config.capture_target = hosted->address();
    if (name == "scoring") config.scoring_target = hosted->address();
    if (name == "automation") config.automation_target = hosted->address();
    if (name == "reporting") config.reporting_target = hosted->address();
  }
  return config;
}

rpc::Client& Suite::client(const std::string& service) { return *Find(service).client; }

std::string Suite::target(const std::string& service) { return Find(service).address(); }

metrics::Registry& Suite::metrics(const std::string& service) { return Find(service).metrics; }

void Suite::MakePartitions() {
  const Day today = std::chrono::floor<std::chrono::days>(clock_.Now());
  Query("SELECT pipeline.ensure_event_partitions($1::date, $2::date)",
        db::Params::Of(FormatDate(ToDate(today - std::chrono::days(1))),
                       FormatDate(ToDate(today + std::chrono::days(2)))));
}

void Suite::Advance(std::chrono::seconds by) {
  clock_.Advance(by);
  MakePartitions();
}

void Suite::Restart(const std::string& service) {
  Stop(service);
  Start(service);
}

void Suite::Stop(const std::string& service) {
  Hosted& hosted = Find(service);
  for (auto& kept : services_) {
    if (kept.get() == &hosted) stopped_[service] = {std::distance(services_.data(), &kept), hosted.what, hosted.config};
  }
  services_.erase(services_.begin() + stopped_[service].place);
}

void Suite::Start(const std::string& service) {
  auto stopped = stopped_.extract(service);
  Stopped& what = stopped.mapped();
  services_.insert(services_.begin() + what.place,
                   std::make_unique<Hosted>(std::move(what.service), std::move(what.config), clock_));
}

std::vector<const google::protobuf::ServiceDescriptor*> Suite::Descriptors() const {
  std::vector<const google::protobuf::ServiceDescriptor*> descriptors;
  for (const auto& hosted : services_) {
    for (const auto& service : hosted->bindings.services) descriptors.push_back(service->descriptor());
  }
  return descriptors;
}

std::string Suite::NewTenant() {
  std::string id = "t" + std::to_string(++tenants_) + "-" + Uuid::V7(clock_.Now()).ToString().substr(24);
  pipeline::v1::CreateTenantRequest request;
  request.set_tenant_id(id);
  request.mutable_tenant()->set_display_name("Tenant " + id);
  As(id, type::v1::ROLE_ADMIN).Must<type::v1::Tenant>(request);
  return id;
}

Caller Suite::As(const std::string& tenant, type::v1::Role role, const std::string& actor, const std::string& service) {
  rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = actor;
  identity.roles = {role};
  return {client(service), std::move(identity)};
}

db::Result Suite::Query(const std::string& sql, const db::Params& params) {
  auto rows = db::Exec(*sql_, "", db::After(kPatience), sql, params);
  EXPECT_TRUE(rows.ok()) << rows.status() << "\n" << sql;
  return rows.ok() ? *std::move(rows) : db::Result(nullptr);
}

std::vector<std::string> BadFields(const absl::Status& status) {
  std::vector<std::string> fields;
  const auto details = DetailOf<google::rpc::BadRequest>(status);
  for (const auto& violation : details.field_violations()) fields.push_back(violation.field());
  return fields;
}

std::vector<std::string> Violations(const absl::Status& status) {
  std::vector<std::string> subjects;
  const auto details = DetailOf<google::rpc::PreconditionFailure>(status);
  for (const auto& violation : details.violations()) subjects.push_back(violation.subject());
  return subjects;
}

}  // namespace embudo::testing
