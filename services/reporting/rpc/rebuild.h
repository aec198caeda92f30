#pragma once

#include "common/rpc/step_stream.h"
#include "services/reporting/rpc/room.h"

namespace embudo::reporting {

/// Makes the facts and sums of the caller's tenant anew: a part a step.
rpc::Step RebuildSteps(const Room& room, const google::protobuf::Message& request);

}  // namespace embudo::reporting
