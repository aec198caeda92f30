#include "services/scoring/bind.h"

#include <prometheus/counter.h>

#include <memory>

#include "common/app/tenant_room.h"
#include "common/base/error.h"
#include "common/event/consumer.h"
#include "common/log/log.h"
#include "services/scoring/events/intake.h"
#include "services/scoring/events/jobs.h"
#include "services/scoring/events/scorer.h"
#include "services/scoring/rpc/criterion_service.h"
#include "services/scoring/rpc/operations.h"
#include "services/scoring/rpc/scoring_service.h"
#include "services/scoring/rpc/training_service.h"
#include "services/scoring/storage/migrations.h"

namespace embudo::scoring {
namespace {

event::Consumer::Options ConsumerOptions(const app::Config& config) {
  event::Consumer::Options options = event::Consumer::OptionsOf("scoring", config.postgres, config.redis);
  options.derived = true;
  options.gather = events::kGather;
  return options;
}

/// Who calls pipeline when scoring acts by itself.
rpc::Identity Self(const std::string& tenant) {
  rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = "services/scoring";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_SCORING;
  return identity;
}

/// Everything that lives as long as the service; its background parts hold it.
struct Rooms {
  explicit Rooms(const app::Environment& environment)
      : pool(db::ConninfoFor(environment.config.postgres, "scoring_rpc", "embudo-scoring"), environment.config.threads),
        // One connection for the scorer, one for the jobs, and one for the readiness.
        worker_pool(db::ConninfoFor(environment.config.postgres, "scoring_worker", "embudo-scoring-worker"), 3),
        writer(pool),
        pipeline({environment.config.pipeline_target, environment.credentials}),
        trained([&metrics = environment.metrics](const std::string& tenant, const std::string& run) {
          log::Error("a trained model is broken: the one before it serves", {{"tenant", tenant}, {"run", run}});
          metrics.Counter("embudo_scoring_broken_models_total", "Trained models that could not be read").Increment();
        }),
        scorer(
            events::Scorer::Options(), worker_pool, trained,
            [this](const std::string& tenant, const pipeline::v1::RecordScoresRequest& request) {
              return pipeline
                  .Call<pipeline::v1::RecordScoresResponse>("embudo.pipeline.v1.LeadService/RecordScores", Self(tenant),
                                                            request)
                  .status();
            },
            environment.clock, environment.metrics),
        consumer(
            ConsumerOptions(environment.config),
            [this, &clock = environment.clock](db::Connection& connection, const std::vector<type::v1::Event>& events) {
              EMBUDO_RETURN_IF_ERROR(events::TakeIn(connection, events, clock.Now()));
              scorer.Wake();
              return absl::OkStatus();
            },
            environment.metrics),
        criteria(pool, writer, environment.clock, [this] { scorer.Wake(); }),
        scoring(pool, trained, pipeline, environment.clock, [this] { scorer.Wake(); }),
        training(pool, environment.clock, [this] { scorer.Wake(); }),
        operations(pool, environment.clock),
        jobs(worker_pool, environment.clock, environment.metrics, [this] { scorer.Wake(); }) {}

  db::Pool pool;
  db::Pool worker_pool;
  resource::Writer writer;
  rpc::Client pipeline;
  storage::TrainedCache trained;
  events::Scorer scorer;
  event::Consumer consumer;
  CriterionService criteria;
  ScoringService scoring;
  TrainingService training;
  OperationService operations;
  events::Jobs jobs;
};

}  // namespace

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  const auto rooms = std::make_shared<Rooms>(environment);
  bindings.services.push_back(rooms->criteria.MakeService());
  bindings.services.push_back(rooms->scoring.MakeService());
  bindings.services.push_back(rooms->training.MakeService());
  bindings.services.push_back(rooms->operations.MakeService());
  bindings.background.emplace_back(rooms, &rooms->scorer);
  bindings.background.emplace_back(rooms, &rooms->jobs);
  bindings.background.emplace_back(rooms, &rooms->consumer);
  tenancy::Bind(environment, bindings);
  bindings.ready = [rooms] { return db::CheckSchema(rooms->worker_pool, "scoring", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::scoring
