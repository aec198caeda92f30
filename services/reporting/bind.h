#pragma once

#include "absl/status/status.h"
#include "common/app/app.h"

namespace embudo::reporting {

/// Wires the reporting service.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::reporting
