#pragma once

#include "common/rpc/step_stream.h"
#include "services/reporting/rpc/room.h"

namespace embudo::reporting {

/// Recounts the caller's tenant: a part a step.
rpc::Step VerifySteps(const Room& room, const google::protobuf::Message& request);

}  // namespace embudo::reporting
