#pragma once

#include "tools/cli/context.h"

namespace CLI {
class App;
}

namespace embudo::cli {

/// Each adds its command to the command line. What is asked for becomes Context::command.
void AddReport(CLI::App& app, Context& context);
void AddEvents(CLI::App& app, Context& context);
void AddImport(CLI::App& app, Context& context);
void AddLead(CLI::App& app, Context& context);
void AddStage(CLI::App& app, Context& context);
void AddScore(CLI::App& app, Context& context);
void AddRule(CLI::App& app, Context& context);
void AddAdmin(CLI::App& app, Context& context);
void AddCall(CLI::App& app, Context& context);

}  // namespace embudo::cli
