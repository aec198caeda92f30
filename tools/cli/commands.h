#pragma once

#include "tools/cli/context.h"

namespace CLI {
class App;
}

namespace embudo::cli {

/// Each adds its command to the command line. What is asked for becomes Context::command.
void AddReport(CLI::App& app, Context& context);
/// Further commands below `report`, and below `admin`.
void AddDashboard(CLI::App& report, Context& context);
void AddReportUpkeep(CLI::App& admin, Context& context);
void AddEvents(CLI::App& app, Context& context);
/// Further commands below `events`.
void AddEventsTail(CLI::App& events, Context& context);
void AddEventsConsume(CLI::App& events, Context& context);
void AddSubscription(CLI::App& events, Context& context);
void AddCapture(CLI::App& app, Context& context);
void AddImport(CLI::App& app, Context& context);
void AddLead(CLI::App& app, Context& context);
void AddMessage(CLI::App& app, Context& context);
void AddAttach(CLI::App& app, Context& context);
void AddNotifications(CLI::App& app, Context& context);
void AddActivity(CLI::App& app, Context& context);
void AddContact(CLI::App& app, Context& context);
/// Further commands below `lead`.
void AddLeadLife(CLI::App& lead, Context& context);
void AddAssign(CLI::App& lead, Context& context);
void AddStage(CLI::App& app, Context& context);
void AddApproval(CLI::App& app, Context& context);
void AddCatalog(CLI::App& app, Context& context);
void AddQuote(CLI::App& app, Context& context);
void AddForm(CLI::App& app, Context& context);
/// Webhooks, and signed links.
void AddHook(CLI::App& app, Context& context);
/// What others know of leads' companies.
void AddEnrichment(CLI::App& app, Context& context);
void AddScore(CLI::App& app, Context& context);
void AddRule(CLI::App& app, Context& context);
void AddTemplate(CLI::App& app, Context& context);
/// For operators.
void AddTenant(CLI::App& app, Context& context);
void AddAdmin(CLI::App& app, Context& context);
void AddCall(CLI::App& app, Context& context);

}  // namespace embudo::cli
