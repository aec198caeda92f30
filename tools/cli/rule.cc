#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "common/base/error.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/automation/v1/run_service.pb.h"
#include "embudo/automation/v1/webhook_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using automation::v1::Rule;
using automation::v1::Run;
using automation::v1::Webhook;
using automation::v1::WebhookDelivery;

const std::string kRules = "embudo.automation.v1.RuleService/";
const std::string kRuns = "embudo.automation.v1.RunService/";
const std::string kWebhooks = "embudo.automation.v1.WebhookService/";

struct Flags {
  std::string name;
  std::string json;
  std::string filter;
  std::string since;
  std::string uri;
  std::vector<std::string> set;
  int limit = 50;
};

/// Fills a message from JSON as it is given on the command line.
absl::Status FromJson(const std::string& json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(json, message);
  if (status.ok()) return absl::OkStatus();
  return InvalidField("--json", std::string(status.message().data(), status.message().size()));
}

/// The one key of a oneof's JSON: `lead_created`.
Json KindOf(const Json& oneof) { return oneof.empty() ? Json("") : Json(oneof.begin().key()); }

template <class Record>
absl::StatusOr<int> Show(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Record record, context.Call<Record>(method, request));
  context.output().Object(ToJson(record));
  return 0;
}

absl::StatusOr<int> ListRules(Context& context, const Flags& flags) {
  automation::v1::ListRulesRequest request;
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(std::vector<Json> rows, ListPages<automation::v1::ListRulesResponse>(
                                                      context, kRules + "ListRules", request, 1000,
                                                      [](const auto& page) -> const auto& { return page.rules(); }));
  for (Json& row : rows) {
    row["enabled"] = row.value("enabled", false);
    row["kind"] = KindOf(row["trigger"]);
  }
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"ENABLED", "enabled"},
                               {"TRIGGER", "kind"},
                               {"CONDITION", "condition"}});
  return 0;
}

absl::StatusOr<int> GetRule(Context& context, const Flags& flags) {
  automation::v1::GetRuleRequest request;
  request.set_name(NameOf("rules", flags.name));
  return Show<Rule>(context, kRules + "GetRule", request);
}

absl::StatusOr<int> CreateRule(Context& context, const Flags& flags) {
  automation::v1::CreateRuleRequest request;
  EMBUDO_RETURN_IF_ERROR(FromJson(flags.json, request.mutable_rule()));
  if (request.rule().display_name().empty()) request.mutable_rule()->set_display_name(flags.name);
  request.set_rule_id(flags.name);
  request.set_request_id(NewRequestId());
  return Show<Rule>(context, kRules + "CreateRule", request);
}

absl::StatusOr<int> UpdateRule(Context& context, const Flags& flags) {
  automation::v1::UpdateRuleRequest request;
  EMBUDO_RETURN_IF_ERROR(FromJson(flags.json, request.mutable_rule()));
  request.mutable_rule()->set_name(NameOf("rules", flags.name));
  request.set_request_id(NewRequestId());
  return Show<Rule>(context, kRules + "UpdateRule", request);
}

absl::StatusOr<int> SetEnabled(Context& context, const Flags& flags, bool enabled) {
  automation::v1::UpdateRuleRequest request;
  request.mutable_rule()->set_name(NameOf("rules", flags.name));
  request.mutable_rule()->set_enabled(enabled);
  request.mutable_update_mask()->add_paths("enabled");
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Rule rule, context.Call<Rule>(kRules + "UpdateRule", request));
  context.output().Object({{"name", rule.name()}, {"display_name", rule.display_name()}, {"enabled", rule.enabled()}});
  return 0;
}

absl::StatusOr<int> DeleteRule(Context& context, const Flags& flags) {
  automation::v1::DeleteRuleRequest request;
  request.set_name(NameOf("rules", flags.name));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Rule rule, context.Call<Rule>(kRules + "DeleteRule", request));
  context.output().Object({{"name", rule.name()}, {"deleted", true}});
  return 0;
}

absl::StatusOr<int> DryRun(Context& context, const Flags& flags) {
  automation::v1::DryRunRuleRequest request;
  if (flags.json.empty()) {
    request.set_name(NameOf("rules", flags.name));
  } else {
    EMBUDO_RETURN_IF_ERROR(FromJson(flags.json, request.mutable_rule()));
    if (request.rule().display_name().empty()) request.mutable_rule()->set_display_name(flags.name);
  }
  if (!flags.since.empty()) {
    automation::v1::DryRunMatch at;
    EMBUDO_RETURN_IF_ERROR(SetField(at, "event_time", flags.since));
    *request.mutable_start_time() = at.event_time();
  }
  request.set_max_matches(flags.limit);
  EMBUDO_ASSIGN_OR_RETURN(const auto told,
                          context.Call<automation::v1::DryRunRuleResponse>(kRules + "DryRunRule", request));
  if (context.output().format() == Format::kJson) {
    context.output().Object(ToJson(told));
    return 0;
  }
  std::vector<Json> rows;
  for (const auto& match : told.matches()) {
    rows.push_back(ToJson(match));
    std::string actions;
    for (const std::string& action : match.actions()) actions += (actions.empty() ? "" : "; ") + action;
    rows.back()["actions"] = actions;
  }
  context.output().Rows(rows,
                        {{"TIME", "event_time"}, {"EVENT", "event_type"}, {"LEAD", "lead"}, {"ACTIONS", "actions"}});
  if (context.output().format() == Format::kTable) {
    context.output().stream() << "would have fired " << told.match_count() << " times for " << told.lead_count()
                              << " leads" << (told.incomplete() ? " at least" : "") << '\n';
    for (const std::string& warning : told.warnings()) context.output().stream() << "warning: " << warning << '\n';
  }
  return 0;
}

absl::StatusOr<int> RotateHook(Context& context, const Flags& flags) {
  automation::v1::RotateRuleHookRequest request;
  request.set_name(NameOf("rules", flags.name));
  request.set_request_id(NewRequestId());
  return Show<automation::v1::RotateRuleHookResponse>(context, kRules + "RotateRuleHook", request);
}

absl::StatusOr<int> ListRuns(Context& context, const Flags& flags) {
  automation::v1::ListRunsRequest request;
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<automation::v1::ListRunsResponse>(
                              context, kRuns + "ListRuns", request, flags.limit,
                              [](const auto& page) -> const auto& { return page.runs(); }));
  context.output().Rows(rows, {{"RUN", "name"},
                               {"RULE", "rule"},
                               {"EVENT", "event_type"},
                               {"LEAD", "lead"},
                               {"STATE", "state"},
                               {"CREATED", "create_time"},
                               {"ERROR", "error"}});
  return 0;
}

absl::StatusOr<int> GetRun(Context& context, const Flags& flags) {
  automation::v1::GetRunRequest request;
  request.set_name(NameOf("runs", flags.name));
  return Show<Run>(context, kRuns + "GetRun", request);
}

absl::StatusOr<int> RetryRun(Context& context, const Flags& flags) {
  automation::v1::RetryRunRequest request;
  request.set_name(NameOf("runs", flags.name));
  request.set_request_id(NewRequestId());
  return Show<Run>(context, kRuns + "RetryRun", request);
}

absl::StatusOr<int> ListWebhooks(Context& context, const Flags&) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<automation::v1::ListWebhooksResponse>(
                              context, kWebhooks + "ListWebhooks", automation::v1::ListWebhooksRequest(), 1000,
                              [](const auto& page) -> const auto& { return page.webhooks(); }));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"ADDRESS", "uri"},
                               {"DISABLED", "disabled"},
                               {"WHY", "disable_reason"}});
  return 0;
}

absl::StatusOr<int> CreateWebhook(Context& context, const Flags& flags) {
  automation::v1::CreateWebhookRequest request;
  request.mutable_webhook()->set_display_name(flags.name);
  request.mutable_webhook()->set_uri(flags.uri);
  request.set_webhook_id(flags.name);
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Webhook made, context.Call<Webhook>(kWebhooks + "CreateWebhook", request));
  automation::v1::RotateWebhookSecretRequest rotate;
  rotate.set_name(made.name());
  rotate.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto secret, context.Call<automation::v1::RotateWebhookSecretResponse>(
                                                 kWebhooks + "RotateWebhookSecret", rotate));
  Json shown = ToJson(made);
  shown["secret"] = secret.secret();
  context.output().Object(shown);
  return 0;
}

absl::StatusOr<int> UpdateWebhook(Context& context, const Flags& flags) {
  automation::v1::UpdateWebhookRequest request;
  request.mutable_webhook()->set_name(NameOf("webhooks", flags.name));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_webhook(), flags.set, request.mutable_update_mask()));
  request.set_request_id(NewRequestId());
  return Show<Webhook>(context, kWebhooks + "UpdateWebhook", request);
}

absl::StatusOr<int> RotateSecret(Context& context, const Flags& flags) {
  automation::v1::RotateWebhookSecretRequest request;
  request.set_name(NameOf("webhooks", flags.name));
  request.set_request_id(NewRequestId());
  return Show<automation::v1::RotateWebhookSecretResponse>(context, kWebhooks + "RotateWebhookSecret", request);
}

absl::StatusOr<int> DeleteWebhook(Context& context, const Flags& flags) {
  automation::v1::DeleteWebhookRequest request;
  request.set_name(NameOf("webhooks", flags.name));
  request.set_request_id(NewRequestId());
  return Show<Webhook>(context, kWebhooks + "DeleteWebhook", request);
}

absl::StatusOr<int> ListDeliveries(Context& context, const Flags& flags) {
  automation::v1::ListWebhookDeliveriesRequest request;
  request.set_parent(NameOf("webhooks", flags.name));
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<automation::v1::ListWebhookDeliveriesResponse>(
                              context, kWebhooks + "ListWebhookDeliveries", request, flags.limit,
                              [](const auto& page) -> const auto& { return page.deliveries(); }));
  context.output().Rows(rows, {{"DELIVERY", "name"},
                               {"LEAD", "lead"},
                               {"STATE", "state"},
                               {"ATTEMPTS", "attempts"},
                               {"STATUS", "status_code"},
                               {"NEXT", "next_attempt_time"},
                               {"ERROR", "error"}});
  return 0;
}

absl::StatusOr<int> RetryDelivery(Context& context, const Flags& flags) {
  automation::v1::RetryWebhookDeliveryRequest request;
  request.set_name(flags.name);
  request.set_request_id(NewRequestId());
  return Show<WebhookDelivery>(context, kWebhooks + "RetryWebhookDelivery", request);
}

using Command = absl::StatusOr<int> (*)(Context&, const Flags&);

/// Commands below a group; they share the variables of their flags, since one of them runs.
class Group {
 public:
  Group(CLI::App& app, const std::string& name, const std::string& help, Context& context)
      : group_(*app.add_subcommand(name, help)), context_(context) {
    group_.require_subcommand(1);
  }

  CLI::App& Add(const std::string& name, const std::string& help, Command action) {
    CLI::App& command = *group_.add_subcommand(name, help);
    command.callback([&context = context_, flags = flags_, action] {
      context.command = [&context, flags, action] { return action(context, *flags); };
    });
    return command;
  }
  CLI::App& AddFor(const std::string& what, const std::string& name, const std::string& help, Command action) {
    CLI::App& command = Add(name, help, action);
    command.add_option(what, flags_->name, "Its name or id")->required();
    return command;
  }
  void AddFilter(CLI::App& command) {
    command.add_option("--filter", flags_->filter, "Which, see docs/filter.md");
    AddLimit(command);
  }
  void AddLimit(CLI::App& command) { command.add_option("--limit", flags_->limit, "How many")->capture_default_str(); }
  Flags& flags() { return *flags_; }

 private:
  CLI::App& group_;
  Context& context_;
  const std::shared_ptr<Flags> flags_ = std::make_shared<Flags>();
};

void AddRules(CLI::App& app, Context& context) {
  Group rule(app, "rule", "Automation rules", context);
  constexpr char kJsonHelp[] = "The rule in JSON: trigger, condition, actions; see docs/automation.md";
  rule.AddFilter(rule.Add("list", "The rules", ListRules));
  rule.AddFor("rule", "get", "One rule, with what is doubtful about it", GetRule);
  rule.AddFor("rule", "create", "Makes a rule", CreateRule)
      .add_option("--json", rule.flags().json, kJsonHelp)
      ->required();
  rule.AddFor("rule", "update", "Changes what the JSON names of a rule", UpdateRule)
      .add_option("--json", rule.flags().json, kJsonHelp)
      ->required();
  rule.AddFor("rule", "enable", "Puts a rule to work",
              [](Context& of, const Flags& flags) { return SetEnabled(of, flags, true); });
  rule.AddFor("rule", "disable", "Takes a rule out of work",
              [](Context& of, const Flags& flags) { return SetEnabled(of, flags, false); });
  rule.AddFor("rule", "delete", "Deletes a rule", DeleteRule);
  CLI::App& dry_run = rule.AddFor("rule", "dry-run", "What a rule would have done, without doing it", DryRun);
  dry_run.add_option("--json", rule.flags().json, "A rule that is not saved");
  dry_run.add_option("--since", rule.flags().since, "From when on: a date or a time; 30 days ago if not given");
  rule.AddLimit(dry_run);
  rule.AddFor("rule", "rotate-hook", "Gives a rule that other systems call a new address and secret, shown once",
              RotateHook);
}

}  // namespace

void AddRule(CLI::App& app, Context& context) {
  AddRules(app, context);
  Group run(app, "run", "What rules did", context);
  run.AddFilter(run.Add("list", "The runs, the latest first", ListRuns));
  run.AddFor("run", "get", "One run, with what came of each action", GetRun);
  run.AddFor("run", "retry", "Takes a failed or dead run up again", RetryRun);

  Group webhook(app, "webhook", "Addresses that rules send leads to", context);
  webhook.Add("list", "The webhooks", ListWebhooks);
  webhook.AddFor("webhook", "create", "Makes a webhook and its secret, shown once", CreateWebhook)
      .add_option("--uri", webhook.flags().uri, "The address")
      ->required();
  webhook.AddFor("webhook", "update", "Changes a webhook", UpdateWebhook)
      .add_option("--set", webhook.flags().set, "field=value; may be given several times");
  webhook.AddFor("webhook", "rotate-secret", "Makes a new secret, shown once", RotateSecret);
  webhook.AddFor("webhook", "delete", "Deletes a webhook", DeleteWebhook);
  webhook.AddFilter(webhook.AddFor("webhook", "deliveries", "What was sent to it, the latest first", ListDeliveries));
  webhook.AddFor("delivery", "retry", "Sends a delivery again", RetryDelivery);
}

}  // namespace embudo::cli
