#include <CLI/CLI.hpp>
#include <iostream>

#include "tools/bench/bench.h"
#include "tools/cli/access.h"
#include "tools/cli/commands.h"
#include "tools/cli/error.h"
#include "tools/cli/mail.h"

namespace embudo::cli {
namespace {

void AddGlobalFlags(CLI::App& app, Context& context) {
  const std::map<std::string, Format> formats = {
      {"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}, {"cloudevents", Format::kCloudEvents}};
  app.add_option("--format", context.format, "table, json or csv; of events also cloudevents")
      ->transform(CLI::CheckedTransformer(formats).description("{table,json,csv,cloudevents}"))
      ->envname("EMBUDO_FORMAT");
  app.add_option("--tenant", context.tenant, "Tenant of the development identity")
      ->envname("EMBUDO_TENANT")
      ->capture_default_str();
  app.add_option("--actor", context.actor, "Who calls: users/{user}")->envname("EMBUDO_ACTOR")->capture_default_str();
  app.add_option("--roles", context.roles, "rep, manager, admin, service; comma-separated")
      ->envname("EMBUDO_ROLES")
      ->capture_default_str();
  app.add_option("--token", context.token, "Bearer token, in place of the development identity")
      ->envname("EMBUDO_TOKEN");
  AddAccessFlags(app);
  app.add_option("--timeout", context.timeout_seconds, "Seconds that a call may take")->capture_default_str();
  for (auto& [service, target] : context.targets) {
    std::string variable = "EMBUDO_" + service;
    for (char& c : variable) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    app.add_option("--" + service, target, "gRPC target of the " + service + " service")
        ->envname(variable)
        ->capture_default_str();
  }
}

int Run(int argc, char** argv) {
  CLI::App app("Embudo's command line", "embudo");
  Context context;
  AddGlobalFlags(app, context);
  // Global flags may stand anywhere on the line. Commands inherit this.
  app.fallthrough();
  AddReport(app, context);
  AddLead(app, context);
  AddMessage(app, context);
  AddAttach(app, context);
  AddNotifications(app, context);
  AddActivity(app, context);
  AddContact(app, context);
  AddStage(app, context);
  AddApproval(app, context);
  AddCatalog(app, context);
  AddQuote(app, context);
  AddCapture(app, context);
  AddImport(app, context);
  AddForm(app, context);
  AddHook(app, context);
  AddMail(app, context);
  AddEnrichment(app, context);
  AddEvents(app, context);
  AddScore(app, context);
  AddRule(app, context);
  AddTemplate(app, context);
  AddTenant(app, context);
  AddAdmin(app, context);
  AddKeys(app, context);
  AddCall(app, context);
  bench::AddBench(app, context);
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  if (context.format == Format::kCloudEvents && !context.prints_events) {
    std::cerr << "--format cloudevents is for `events tail`, `events list` and `events consume`\n";
    return 1;
  }
  context.OpenOutput(std::cout);
  // `score evaluate` does its work here.
  const CLI::App* chosen = app.get_subcommands().front();
  const bool is_local = chosen->get_name() == "score" && chosen->get_subcommands().front()->get_name() == "evaluate";
  const std::string command = chosen->get_name();
  const bool in_a_tenant = command != "admin" && command != "tenant" && command != "call" && command != "bench" &&
                           command != "keys" && !is_local;
  absl::Status ready = SetUpAccess();
  if (ready.ok() && in_a_tenant) ready = context.CheckTenant();
  const absl::StatusOr<int> exit_code = ready.ok() ? context.command() : ready;
  std::cout.flush();
  if (exit_code.ok()) return *exit_code;
  std::cerr << ErrorText(exit_code.status());
  return 1;
}

}  // namespace
}  // namespace embudo::cli

int main(int argc, char** argv) { return embudo::cli::Run(argc, argv); }
