#pragma once

#include "tools/cli/context.h"

namespace CLI {
class App;
}

namespace embudo::bench {

/// `embudo bench`: measures a running installation and, in the same run, the machine's own limit beside each figure.
void AddBench(CLI::App& app, cli::Context& context);

}  // namespace embudo::bench
