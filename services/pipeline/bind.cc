#include "services/pipeline/bind.h"

#include <memory>

#include "common/base/error.h"
#include "common/event/relay.h"
#include "services/pipeline/events/eraser.h"
#include "services/pipeline/events/event_service.h"
#include "services/pipeline/events/hub.h"
#include "services/pipeline/events/kanban_fold.h"
#include "services/pipeline/events/maintenance.h"
#include "services/pipeline/events/privacy_service.h"
#include "services/pipeline/events/pusher.h"
#include "services/pipeline/events/quote_expiry.h"
#include "services/pipeline/events/subscription.h"
#include "services/pipeline/events/subscription_meter.h"
#include "services/pipeline/rpc/event_sight.h"
#include "services/pipeline/rpc/lead_assignment_service.h"
#include "services/pipeline/rpc/records.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/storage/migrations.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline {
namespace {

constexpr char kPrivatePushTargets[] = "private-push-targets";

/// Everything that the service's process holds, in the order that it is built in.
struct Rooms {
  Rooms(const app::Environment& environment, const std::string& rpc, const std::string& worker, bool private_targets)
      : pool(rpc, environment.config.threads),
        relay({.postgres = worker, .redis = environment.config.redis}, environment.metrics),
        records(pool, environment.clock, [this] { relay.Wake(); }),
        hub({.postgres = worker, .redis = environment.config.redis}, environment.metrics),
        maintenance(worker, environment.clock),
        quote_expiry(worker, records.quotes(), environment.clock),
        kanban_fold(worker),
        places(hub.pool(), environment.clock),
        subscription_writer(pool),
        subscriptions(
            storage::SubscriptionTable(),
            events::SubscriptionRules(
                places, [this]() -> const filter::Schema& { return records.leads().schema(); }, private_targets),
            pool, subscription_writer, environment.clock),
        events{hub,
               [this] { return maintenance.cursors(); },
               records.leads(),
               [this](const embudo::rpc::CallContext& call, const type::v1::Event& event) {
                 return rpc::MaySeeEvent(records, call, event);
               },
               [this](const embudo::rpc::CallContext& call, const type::v1::Lead& lead) {
                 return records.MaySee(call, lead);
               },
               environment.clock,
               places,
               subscriptions,
               pool,
               environment.metrics},
        pusher({.private_targets = private_targets}, events, environment.metrics),
        meter(hub.pool(), environment.metrics),
        erasures(storage::ErasureTable(), {}, pool, records.writer(), environment.clock),
        eraser(hub, erasures, environment.clock),
        privacy{events, erasures, eraser} {}

  db::Pool pool;
  event::Relay relay;
  rpc::Records records;
  events::Hub hub;
  events::Maintenance maintenance;
  events::QuoteExpiry quote_expiry;
  events::KanbanFold kanban_fold;
  events::Places places;
  resource::Writer subscription_writer;
  resource::Resource subscriptions;
  events::EventRoom events;
  events::Pusher pusher;
  events::SubscriptionMeter meter;
  resource::Resource erasures;
  events::Eraser eraser;
  events::PrivacyRoom privacy;
};

bool IsOn(const app::Config& config, const char* option) {
  const auto found = config.options.find(option);
  return found != config.options.end() && found->second == "true";
}

}  // namespace

const std::vector<app::Option>& Options() {
  static const std::vector<app::Option> options = {
      {kPrivatePushTargets, "Whether events may be pushed to webhooks in private networks: true or false", "false"}};
  return options;
}

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  const std::string& postgres = environment.config.postgres;
  auto rooms = std::make_shared<Rooms>(environment, db::ConninfoFor(postgres, "pipeline_rpc", "embudo-pipeline"),
                                       db::ConninfoFor(postgres, "pipeline_worker", "embudo-pipeline"),
                                       IsOn(environment.config, kPrivatePushTargets));
  bindings.services.push_back(rpc::MakeTenantService(rooms->records));
  bindings.services.push_back(rpc::MakePipelineService(rooms->records));
  bindings.services.push_back(rpc::MakeTeamService(rooms->records));
  bindings.services.push_back(rpc::MakeCatalogService(rooms->records));
  bindings.services.push_back(rpc::MakeContactService(rooms->records));
  bindings.services.push_back(rpc::MakeLeadService(rooms->records));
  bindings.services.push_back(rpc::MakeActivityService(rooms->records));
  bindings.services.push_back(rpc::MakeApprovalService(rooms->records));
  bindings.services.push_back(rpc::MakeLeadAssignmentService(rooms->records));
  bindings.services.push_back(rpc::MakeMessageService(rooms->records));
  bindings.services.push_back(rpc::MakeAttachmentService(rooms->records));
  bindings.services.push_back(rpc::MakeTouchService(rooms->records));
  bindings.services.push_back(rpc::MakeNotificationService(rooms->records));
  bindings.services.push_back(rpc::MakeQuoteService(rooms->records));
  bindings.services.push_back(rpc::MakeImportedRecordService(rooms->records));
  bindings.services.push_back(events::MakeEventService(rooms->events));
  bindings.services.push_back(events::MakeSubscriptionService(rooms->events));
  bindings.services.push_back(events::MakePrivacyService(rooms->privacy));
  bindings.background = {std::shared_ptr<Background>(rooms, &rooms->maintenance),
                         std::shared_ptr<Background>(rooms, &rooms->kanban_fold),
                         std::shared_ptr<Background>(rooms, &rooms->relay),
                         std::shared_ptr<Background>(rooms, &rooms->hub),
                         std::shared_ptr<Background>(rooms, &rooms->pusher),
                         std::shared_ptr<Background>(rooms, &rooms->meter),
                         std::shared_ptr<Background>(rooms, &rooms->eraser),
                         std::shared_ptr<Background>(rooms, &rooms->quote_expiry)};
  bindings.ready = [rooms] { return db::CheckSchema(rooms->pool, "pipeline", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::pipeline
