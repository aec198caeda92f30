#pragma once

#include "tools/cli/context.h"

namespace CLI {
class App;
}

namespace embudo::cli {

/// Adds the commands of inbound mail.
void AddMail(CLI::App& app, Context& context);

}  // namespace embudo::cli
