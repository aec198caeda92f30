#include "services/automation/bind.h"

#include <memory>

#include "common/app/tenant_room.h"
#include "common/base/error.h"
#include "common/chore/chore.h"
#include "common/event/consumer.h"
#include "common/http/server.h"
#include "services/automation/events/bulk_assigner.h"
#include "services/automation/events/deliverer.h"
#include "services/automation/events/intake.h"
#include "services/automation/events/mail_intake.h"
#include "services/automation/events/mail_sender.h"
#include "services/automation/events/mail_writer.h"
#include "services/automation/events/runner.h"
#include "services/automation/events/timekeeper.h"
#include "services/automation/http/hook_endpoint.h"
#include "services/automation/mail_options.h"
#include "services/automation/rpc/assignment_service.h"
#include "services/automation/rpc/mail_service.h"
#include "services/automation/rpc/operations.h"
#include "services/automation/rpc/rule_service.h"
#include "services/automation/rpc/run_service.h"
#include "services/automation/rpc/template_service.h"
#include "services/automation/rpc/webhook_service.h"
#include "services/automation/storage/migrations.h"
#include "services/automation/storage/retention.h"

namespace embudo::automation {
namespace {

constexpr char kHttpListen[] = "hook-http-listen";
constexpr char kPrivateTargets[] = "private-webhook-targets";

/// The service's own flags.
struct Settings {
  std::string listen;
  bool private_targets = false;
  events::MailSender::Options mail;
};

absl::StatusOr<Settings> SettingsOf(const app::Config& config) {
  const auto option = [&](const char* name) {
    const auto found = config.options.find(name);
    return found == config.options.end() ? std::string() : found->second;
  };
  Settings settings{.listen = option(kHttpListen)};
  EMBUDO_ASSIGN_OR_RETURN(settings.mail, MailOptionsOf(config));
  const std::string allowed = option(kPrivateTargets);
  if (!allowed.empty() && allowed != "true" && allowed != "false") {
    return InvalidField(kPrivateTargets, "\"" + allowed + "\" is neither true nor false");
  }
  settings.private_targets = allowed == "true";
  return settings;
}

/// Everything that lives as long as the service; its background parts hold it.
struct Rooms {
  Rooms(const app::Environment& environment, const Settings& settings)
      : pool(db::ConninfoFor(environment.config.postgres, "automation_rpc", "embudo-automation"),
             environment.config.threads),
        // A connection for each thread of the runner, and for the readiness, the timekeeper, the deliverer and hooks.
        worker_pool(db::ConninfoFor(environment.config.postgres, "automation_worker", "embudo-automation-runner"),
                    events::Runner::Options().threads + 6),
        mail_pool(db::ConninfoFor(environment.config.postgres, "automation_worker", "embudo-automation-mail"),
                  settings.mail.threads),
        // One for the work in the background, one for those who want to see a plan.
        bulk_pool(db::ConninfoFor(environment.config.postgres, "automation_worker", "embudo-automation-bulk"), 2),
        writer(pool),
        pipeline({environment.config.pipeline_target, environment.credentials}),
        capture({environment.config.capture_target, environment.credentials}),
        runner(events::Runner::Options(), worker_pool, pipeline, capture, environment.clock, environment.metrics),
        deliverer({.client = {.private_targets = settings.private_targets}}, worker_pool, pipeline, environment.clock,
                  environment.metrics),
        timekeeper(
            {}, worker_pool, pipeline, environment.clock, [this] { runner.Wake(); }, environment.metrics),
        intake(
            environment.clock, [this] { runner.Wake(); }, environment.metrics),
        consumer(
            event::Consumer::OptionsOf("automation", environment.config.postgres, environment.config.redis),
            [this, &clock = environment.clock](db::Connection& connection, const std::vector<type::v1::Event>& events) {
              EMBUDO_RETURN_IF_ERROR(intake.Apply(connection, events));
              EMBUDO_ASSIGN_OR_RETURN(const bool due, events::TakeInMails(connection, events, clock.Now()));
              if (due) mails.Wake();
              return absl::OkStatus();
            },
            environment.metrics),
        rules(pool, writer, pipeline, environment.clock),
        runs(pool, writer, environment.clock, [this] { runner.Wake(); }),
        webhooks(pool, writer, environment.clock, settings.private_targets, [this] { deliverer.Wake(); }),
        hooks(
            worker_pool, pipeline, environment.clock, [this] { runner.Wake(); }, environment.metrics),
        hook_server(
            embudo::http::Limits(), [this](const embudo::http::Request& request) { return hooks.Handle(request); },
            environment.metrics),
        mail_writer(pipeline, capture, environment.clock),
        mails(settings.mail, mail_pool, pipeline, capture, environment.clock, environment.metrics),
        templates(pool, writer, pipeline, mail_writer, environment.clock),
        mail_service(pool, writer, mail_writer, environment.clock, [this] { mails.Wake(); }),
        bulk(bulk_pool, pipeline, environment.clock),
        assignments(pool, writer, bulk, environment.clock),
        operations(pool, environment.clock),
        retention("retention", std::chrono::hours(1),
                  [this, &clock = environment.clock] { return storage::DropOldAddresses(worker_pool, clock.Now()); }) {}

  db::Pool pool;
  db::Pool worker_pool;
  db::Pool mail_pool;
  db::Pool bulk_pool;
  resource::Writer writer;
  rpc::Client pipeline;
  rpc::Client capture;
  events::Runner runner;
  events::Deliverer deliverer;
  events::Timekeeper timekeeper;
  events::Intake intake;
  event::Consumer consumer;
  RuleService rules;
  RunService runs;
  WebhookService webhooks;
  http::HookEndpoint hooks;
  embudo::http::Server hook_server;
  events::MailWriter mail_writer;
  events::MailSender mails;
  TemplateService templates;
  MailService mail_service;
  events::BulkAssigner bulk;
  AssignmentService assignments;
  OperationService operations;
  Chore retention;
};

}  // namespace

const std::vector<app::Option>& Options() {
  static const std::vector<app::Option> options = [] {
    std::vector<app::Option> own = {
        {kHttpListen, "Address of the HTTP server by which other systems set rules off; empty: not served",
         "127.0.0.1:7204"},
        {kPrivateTargets, "Whether rules may call webhooks in private networks: true or false", "false"}};
    own.insert(own.end(), MailFlags().begin(), MailFlags().end());
    return own;
  }();
  return options;
}

absl::Status Bind(const app::Environment& environment, app::Bindings& bindings) {
  EMBUDO_ASSIGN_OR_RETURN(const Settings settings, SettingsOf(environment.config));
  const auto rooms = std::make_shared<Rooms>(environment, settings);
  bindings.services.push_back(rooms->rules.MakeService());
  bindings.services.push_back(rooms->runs.MakeService());
  bindings.services.push_back(rooms->webhooks.MakeService());
  bindings.services.push_back(rooms->templates.MakeService());
  bindings.services.push_back(rooms->mail_service.MakeService());
  bindings.services.push_back(rooms->assignments.MakeService());
  bindings.services.push_back(rooms->operations.MakeService());
  bindings.background.emplace_back(rooms, &rooms->runner);
  bindings.background.emplace_back(rooms, &rooms->deliverer);
  bindings.background.emplace_back(rooms, &rooms->timekeeper);
  bindings.background.emplace_back(rooms, &rooms->mails);
  bindings.background.emplace_back(rooms, &rooms->bulk);
  bindings.background.emplace_back(rooms, &rooms->consumer);
  bindings.background.emplace_back(rooms, &rooms->retention);
  if (!settings.listen.empty()) {
    EMBUDO_RETURN_IF_ERROR(rooms->hook_server.Listen(settings.listen));
    bindings.background.emplace_back(rooms, &rooms->hook_server);
  }
  tenancy::Bind(environment, bindings);
  bindings.ready = [rooms] { return db::CheckSchema(rooms->worker_pool, "automation", storage::Migrations()); };
  return absl::OkStatus();
}

}  // namespace embudo::automation
