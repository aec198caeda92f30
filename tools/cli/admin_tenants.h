#pragma once

#include <CLI/CLI.hpp>

#include "tools/cli/context.h"

namespace embudo::cli {

/// Further commands below `admin`: what operators decide about tenants, their export, and who did what.
void AddTenants(CLI::App& admin, Context& context);

}  // namespace embudo::cli
