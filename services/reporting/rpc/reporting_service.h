#pragma once

#include <memory>

#include "common/rpc/service.h"
#include "services/reporting/rpc/room.h"

namespace embudo::reporting {

/// The RPCs of ReportingService. `room` outlives it.
std::unique_ptr<rpc::Service> MakeReportingService(const Room& room);

}  // namespace embudo::reporting
