#include "services/reporting/bind.h"

#include <memory>

#include "common/event/consumer.h"
#include "services/reporting/events/projector.h"
#include "services/reporting/rpc/reporting_service.h"

namespace embudo::reporting {
namespace {

/// Everything that lives as long as the service; its readiness holds it.
struct Rooms {
  explicit Rooms(const app::Environment& environment)
      : pool(db::ConninfoFor(environment.config.postgres, "reporting_rpc", "embudo-reporting"),
             environment.config.threads),
        // Two statements of a millisecond a report.
        worker_pool(db::ConninfoFor(environment.config.postgres, "reporting_worker", "embudo-reporting"), 2),
        service(pool, worker_pool, environment.clock) {}

  absl::Status Ready() {
    return db::Exec(worker_pool, "", db::After(std::chrono::seconds(1)),
                    "SELECT position FROM reporting.consumer_checkpoint LIMIT 1", {})
        .status();
  }

  db::Pool pool;
  db::Pool worker_pool;
  ReportingService service;
};

event::Consumer::Options ConsumerOptions(const app::Config& config) {
  event::Consumer::Options options = event::Consumer::OptionsOf(kConsumer, config.postgres, config.redis);
  options.derived = true;
  return options;
}

}  // namespace

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  const auto rooms = std::make_shared<Rooms>(environment);
  auto service = std::make_unique<rpc::Service>(
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("embudo.reporting.v1.ReportingService"));
  rooms->service.Bind(*service);
  bindings.services.push_back(std::move(service));
  bindings.background.push_back(
      std::make_shared<event::Consumer>(ConsumerOptions(environment.config), events::Project, environment.metrics));
  bindings.ready = [rooms] { return rooms->Ready(); };
  return absl::OkStatus();
}

}  // namespace embudo::reporting
