#pragma once

#include <vector>

#include "embudo/reporting/v1/dashboard.pb.h"

namespace embudo::reporting::logic {

/// The dashboards that every tenant begins with: for representatives, managers and executives.
const std::vector<v1::Dashboard>& DefaultDashboards();

}  // namespace embudo::reporting::logic
