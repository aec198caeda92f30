#pragma once

#include "tools/cli/context.h"

namespace CLI {
class App;
}

namespace embudo::cli {

/// Further commands below `score`.
void AddScoreEvaluate(CLI::App& score, Context& context);
void AddScoreTraining(CLI::App& score, Context& context);

}  // namespace embudo::cli
