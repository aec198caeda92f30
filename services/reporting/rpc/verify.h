#pragma once

#include "services/reporting/rpc/room.h"
#include "services/reporting/rpc/step_stream.h"

namespace embudo::reporting {

/// Recounts the caller's tenant: a part a step.
Step VerifySteps(const Room& room, const google::protobuf::Message& request);

}  // namespace embudo::reporting
