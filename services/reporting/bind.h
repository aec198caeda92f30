#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/app/app.h"

namespace embudo::reporting {

/// The service's own flags.
const std::vector<app::Option>& Options();

/// Wires the reporting service.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::reporting
