#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

using automation::v1::Rule;

absl::StatusOr<int> List(Context& context) {
  automation::v1::ListRulesRequest request;
  request.set_page_size(1000);
  EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<automation::v1::ListRulesResponse>(
                                               "embudo.automation.v1.RuleService/ListRules", request));
  std::vector<Json> rows;
  for (const Rule& rule : page.rules()) {
    Json row = ToJson(rule);
    row["enabled"] = rule.enabled();
    rows.push_back(std::move(row));
  }
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"ENABLED", "enabled"},
                               {"TRIGGER", "trigger"},
                               {"CONDITION", "condition"}});
  return 0;
}

absl::StatusOr<int> SetEnabled(Context& context, const std::string& name, bool enabled) {
  automation::v1::UpdateRuleRequest request;
  request.mutable_rule()->set_name(NameOf("rules", name));
  request.mutable_rule()->set_enabled(enabled);
  request.mutable_update_mask()->add_paths("enabled");
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const Rule rule, context.Call<Rule>("embudo.automation.v1.RuleService/UpdateRule", request));
  context.output().Object({{"name", rule.name()}, {"display_name", rule.display_name()}, {"enabled", rule.enabled()}});
  return 0;
}

}  // namespace

void AddRule(CLI::App& app, Context& context) {
  CLI::App& rule = *app.add_subcommand("rule", "Automation rules");
  rule.require_subcommand(1);
  rule.add_subcommand("list", "The rules")->callback([&context] {
    context.command = [&context] { return List(context); };
  });
  for (const bool enabled : {true, false}) {
    CLI::App& command = *rule.add_subcommand(enabled ? "enable" : "disable",
                                             enabled ? "Puts a rule to work" : "Takes a rule out of work");
    const auto name = std::make_shared<std::string>();
    command.add_option("rule", *name, "Its name or id")->required();
    command.callback([&context, name, enabled] {
      context.command = [&context, name, enabled] { return SetEnabled(context, *name, enabled); };
    });
  }
}

}  // namespace embudo::cli
