#pragma once

#include "common/app/app.h"

namespace embudo::pipeline {

/// The flags of this service's own.
const std::vector<app::Option>& Options();

/// Wires the pipeline service: the records of the sales pipeline, and the one event log of the installation.
absl::Status Bind(const app::Environment& environment, app::Bindings& bindings);

}  // namespace embudo::pipeline
