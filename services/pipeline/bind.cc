#include "services/pipeline/bind.h"

#include <memory>

#include "common/app/tenant_room.h"
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
#include "services/pipeline/events/retention.h"
#include "services/pipeline/events/subscription.h"
#include "services/pipeline/events/subscription_meter.h"
#include "services/pipeline/events/table_statistics.h"
#include "services/pipeline/events/tenant_purger.h"
#include "services/pipeline/rpc/event_sight.h"
#include "services/pipeline/rpc/lead_assignment_service.h"
#include "services/pipeline/rpc/records.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/rpc/tenancy.h"
#include "services/pipeline/storage/migrations.h"
#include "services/pipeline/storage/tables.h"
#include "services/pipeline/storage/tenancy_store.h"

namespace embudo::pipeline {
namespace {

/// For standings, the audit log, and the purge.
constexpr int kTenantConnections = 3;
constexpr std::chrono::seconds kAuditTime{2};
constexpr char kPrivatePushTargets[] = "private-push-targets";

/// Everything that the service's process holds, in the order that it is built in.
struct Rooms {
  Rooms(const app::Environment& environment, const std::string& rpc, const std::string& worker, bool private_targets)
      : pool(rpc, environment.config.threads),
        relay({.postgres = worker, .redis = environment.config.redis}, environment.metrics),
        records(pool, environment.clock, [this] { relay.Wake(); }),
        hub({.postgres = worker, .redis = environment.config.redis}, environment.metrics),
        maintenance(worker, environment.clock),
        table_statistics(worker),
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
        privacy{events, erasures, eraser},
        tenant_pool(worker, kTenantConnections),
        tenants(
            tenancy::OptionsOf(environment.config), tenant_pool,
            [this](const std::string& tenant, const std::vector<embudo::rpc::AuditRecord>& entries,
                   const std::vector<std::string>& ids,
                   const std::vector<Time>& times) { return KeepAudit(tenant, entries, ids, times); },
            environment.clock, environment.metrics),
        tenancy_room{pool, tenant_pool, environment.clock, [this] { tenants.Refresh().IgnoreError(); }},
        audit_entries(storage::AuditEntryTable(), {.default_order = "create_time desc"}, pool, records.writer(),
                      environment.clock),
        tenant_overviews(storage::TenantOverviewTable(), {}, tenant_pool, records.writer(), environment.clock),
        tenant_purger(tenant_pool, environment.clock),
        retention_room{privacy, tenant_pool},
        retention(retention_room) {}

  absl::Status KeepAudit(const std::string& tenant, const std::vector<embudo::rpc::AuditRecord>& entries,
                         const std::vector<std::string>& ids, const std::vector<Time>& times) {
    std::vector<storage::AuditRow> rows;
    for (size_t i = 0; i < entries.size(); ++i) rows.push_back({ids[i], times[i], entries[i]});
    return storage::AddAuditEntries(tenant_pool, tenant, rows, db::After(kAuditTime));
  }

  db::Pool pool;
  event::Relay relay;
  rpc::Records records;
  events::Hub hub;
  events::Maintenance maintenance;
  events::TableStatistics table_statistics;
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
  db::Pool tenant_pool;
  tenancy::Tenants tenants;
  rpc::TenancyRoom tenancy_room;
  resource::Resource audit_entries;
  resource::Resource tenant_overviews;
  events::TenantPurger tenant_purger;
  events::RetentionRoom retention_room;
  events::RetentionChore retention;
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
  bindings.services.push_back(rpc::MakeAttachmentService(rooms->records, environment.config.tenant_storage_bytes));
  bindings.services.push_back(rpc::MakeTouchService(rooms->records));
  bindings.services.push_back(rpc::MakeNotificationService(rooms->records));
  bindings.services.push_back(rpc::MakeQuoteService(rooms->records));
  bindings.services.push_back(rpc::MakeImportedRecordService(rooms->records));
  bindings.services.push_back(events::MakeEventService(rooms->events));
  bindings.services.push_back(events::MakeSubscriptionService(rooms->events));
  bindings.services.push_back(events::MakePrivacyService(rooms->privacy));
  bindings.services.push_back(rpc::MakeTenancyService(rooms->tenancy_room, rooms->tenant_overviews));
  bindings.services.push_back(rpc::MakeAuditService(rooms->tenancy_room, rooms->audit_entries));
  bindings.services.push_back(events::MakeRetentionService(rooms->retention_room));
  bindings.services.push_back(tenancy::MakeDataService("pipeline", rooms->tenant_pool));
  bindings.gate = std::shared_ptr<embudo::rpc::Gate>(rooms, &rooms->tenants);
  bindings.background = {std::shared_ptr<Background>(rooms, &rooms->tenants),
                         std::shared_ptr<Background>(rooms, &rooms->maintenance),
                         std::shared_ptr<Background>(rooms, &rooms->kanban_fold),
                         std::shared_ptr<Background>(rooms, &rooms->relay),
                         std::shared_ptr<Background>(rooms, &rooms->hub),
                         std::shared_ptr<Background>(rooms, &rooms->pusher),
                         std::shared_ptr<Background>(rooms, &rooms->meter),
                         std::shared_ptr<Background>(rooms, &rooms->eraser),
                         std::shared_ptr<Background>(rooms, &rooms->table_statistics),
                         std::shared_ptr<Background>(rooms, &rooms->quote_expiry),
                         std::shared_ptr<Background>(rooms, &rooms->tenant_purger),
                         std::shared_ptr<Background>(rooms, &rooms->retention)};
  bindings.ready = [rooms] { return db::CheckSchema(rooms->pool, "pipeline", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::pipeline
