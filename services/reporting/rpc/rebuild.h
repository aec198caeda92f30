#pragma once

#include "services/reporting/rpc/room.h"
#include "services/reporting/rpc/step_stream.h"

namespace embudo::reporting {

/// Makes the facts and sums of the caller's tenant anew: a part a step.
Step RebuildSteps(const Room& room, const google::protobuf::Message& request);

}  // namespace embudo::reporting
