#pragma once

#include "absl/status/status.h"
#include "common/app/app.h"

namespace embudo::automation {

/// Wires the automation service.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::automation
