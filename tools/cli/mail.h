#pragma once

#include "tools/cli/context.h"

namespace CLI {
class App;
}

namespace embudo::cli {

/// Adds the commands of mail: inbound, and below it those of mails that go out.
void AddMail(CLI::App& app, Context& context);
void AddMailOut(CLI::App& mail, Context& context);

}  // namespace embudo::cli
