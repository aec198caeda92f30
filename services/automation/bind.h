#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/app/app.h"

namespace embudo::automation {

/// The service's own flags.
const std::vector<app::Option>& Options();

/// Wires the automation service.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::automation
