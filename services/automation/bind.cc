#include "services/automation/bind.h"

#include <memory>

#include "common/base/error.h"
#include "common/event/consumer.h"
#include "services/automation/events/intake.h"
#include "services/automation/events/runner.h"
#include "services/automation/rpc/rule_service.h"
#include "services/automation/rpc/run_service.h"
#include "services/automation/storage/migrations.h"

namespace embudo::automation {
namespace {

/// Everything that lives as long as the service; its background parts hold it.
struct Rooms {
  explicit Rooms(const app::Environment& environment)
      : pool(db::ConninfoFor(environment.config.postgres, "automation_rpc", "embudo-automation"),
             environment.config.threads),
        // A connection for each thread of the runner, and one for the readiness.
        worker_pool(db::ConninfoFor(environment.config.postgres, "automation_worker", "embudo-automation-runner"),
                    events::Runner::Options().threads + 1),
        writer(pool),
        pipeline({environment.config.pipeline_target, environment.credentials}),
        runner(events::Runner::Options(), worker_pool, pipeline, environment.clock, environment.metrics),
        intake(
            environment.clock, [this] { runner.Wake(); }, environment.metrics),
        consumer(
            event::Consumer::OptionsOf("automation", environment.config.postgres, environment.config.redis),
            [this](db::Connection& connection, const std::vector<type::v1::Event>& events) {
              return intake.Apply(connection, events);
            },
            environment.metrics),
        rules(pool, writer, environment.clock),
        runs(pool, writer, environment.clock, [this] { runner.Wake(); }) {}

  db::Pool pool;
  db::Pool worker_pool;
  resource::Writer writer;
  rpc::Client pipeline;
  events::Runner runner;
  events::Intake intake;
  event::Consumer consumer;
  RuleService rules;
  RunService runs;
};

}  // namespace

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  const auto rooms = std::make_shared<Rooms>(environment);
  bindings.services.push_back(rooms->rules.MakeService());
  bindings.services.push_back(rooms->runs.MakeService());
  bindings.background.emplace_back(rooms, &rooms->runner);
  bindings.background.emplace_back(rooms, &rooms->consumer);
  bindings.ready = [rooms] { return db::CheckSchema(rooms->worker_pool, "automation", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::automation
