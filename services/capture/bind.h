#pragma once

#include <vector>

#include "common/app/app.h"

namespace embudo::capture {

/// The service's own flags.
const std::vector<app::Option>& Options();

/// Wires the capture service: what brings leads in, one by one and by the file.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::capture
