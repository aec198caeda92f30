#pragma once

#include "tools/bench/measure.h"

namespace embudo::bench {

/// What one tenant's flood costs another: the quiet one's latency alone, beside a flood, and beside a flood that has a
/// limit. Adds its figures. Acts for the installation too, so that it takes credentials without a tenant, or the
/// development identity.
absl::Status MeasureFairness(cli::Context& context, const Options& options, std::vector<Figure>* figures);

}  // namespace embudo::bench
