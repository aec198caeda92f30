#include "services/pipeline/bind.h"

#include <memory>

#include "common/base/error.h"
#include "common/event/relay.h"
#include "services/pipeline/events/hub.h"
#include "services/pipeline/events/kanban_fold.h"
#include "services/pipeline/events/maintenance.h"
#include "services/pipeline/events/quote_expiry.h"
#include "services/pipeline/events/tail.h"
#include "services/pipeline/rpc/records.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/storage/migrations.h"

namespace embudo::pipeline {
namespace {

/// Everything that the service's process holds, in the order that it is built in.
struct Rooms {
  Rooms(const app::Environment& environment, const std::string& rpc, const std::string& worker)
      : pool(rpc, environment.config.threads),
        relay({.postgres = worker, .redis = environment.config.redis}, environment.metrics),
        records(pool, environment.clock, [this] { relay.Wake(); }),
        hub({.postgres = worker, .redis = environment.config.redis}, environment.metrics),
        maintenance(worker, environment.clock),
        quote_expiry(worker, records.quotes(), environment.clock),
        kanban_fold(worker),
        events{hub, [this] { return maintenance.cursors(); }, records.leads().schema(),
               [this](const embudo::rpc::CallContext& call, const type::v1::Event& event) {
                 return records.MaySeeEvent(call, event);
               },
               environment.clock} {}

  db::Pool pool;
  event::Relay relay;
  rpc::Records records;
  events::Hub hub;
  events::Maintenance maintenance;
  events::QuoteExpiry quote_expiry;
  events::KanbanFold kanban_fold;
  events::EventRoom events;
};

absl::Status CheckSchema(db::Pool& pool) {
  const int wanted = storage::Migrations().back().number;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool, "", db::After(std::chrono::seconds(2)),
                                   "SELECT coalesce(max(number), 0) FROM pipeline.migration", {}));
  if (rows[0].Int(0) >= wanted) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "SCHEMA_MISSING",
               "the schema is at step " + std::to_string(rows[0].Int(0)) + ", this version needs " +
                   std::to_string(wanted) + ": run embudo-migrate");
}

}  // namespace

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  const std::string& postgres = environment.config.postgres;
  auto rooms = std::make_shared<Rooms>(environment, db::ConninfoFor(postgres, "pipeline_rpc", "embudo-pipeline"),
                                       db::ConninfoFor(postgres, "pipeline_worker", "embudo-pipeline"));
  bindings.services.push_back(rpc::MakeTenantService(rooms->records));
  bindings.services.push_back(rpc::MakePipelineService(rooms->records));
  bindings.services.push_back(rpc::MakeTeamService(rooms->records));
  bindings.services.push_back(rpc::MakeCatalogService(rooms->records));
  bindings.services.push_back(rpc::MakeContactService(rooms->records));
  bindings.services.push_back(rpc::MakeLeadService(rooms->records));
  bindings.services.push_back(rpc::MakeActivityService(rooms->records));
  bindings.services.push_back(rpc::MakeApprovalService(rooms->records));
  bindings.services.push_back(rpc::MakeMessageService(rooms->records));
  bindings.services.push_back(rpc::MakeAttachmentService(rooms->records));
  bindings.services.push_back(rpc::MakeNotificationService(rooms->records));
  bindings.services.push_back(rpc::MakeQuoteService(rooms->records));
  bindings.services.push_back(events::MakeEventService(rooms->events));
  bindings.background = {
      std::shared_ptr<Background>(rooms, &rooms->maintenance), std::shared_ptr<Background>(rooms, &rooms->kanban_fold),
      std::shared_ptr<Background>(rooms, &rooms->relay), std::shared_ptr<Background>(rooms, &rooms->hub),
      std::shared_ptr<Background>(rooms, &rooms->quote_expiry)};
  bindings.ready = [rooms] { return CheckSchema(rooms->pool); };
  return absl::OkStatus();
}

}  // namespace embudo::pipeline
