#pragma once

#include "common/rpc/step_stream.h"
#include "services/reporting/rpc/room.h"

namespace embudo::reporting {

/// The pieces of an exported report.
rpc::Step ExportSteps(const Room& room, const google::protobuf::Message& request);

}  // namespace embudo::reporting
