#pragma once

#include "services/reporting/rpc/room.h"
#include "services/reporting/rpc/step_stream.h"

namespace embudo::reporting {

/// The pieces of an exported report.
Step ExportSteps(const Room& room, const google::protobuf::Message& request);

}  // namespace embudo::reporting
