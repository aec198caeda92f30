#pragma once

#include <memory>

#include "common/rpc/service.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// What the automation service's bulk assignment asks of leads: many of them, in few statements.
std::unique_ptr<embudo::rpc::Service> MakeLeadAssignmentService(Records& records);

}  // namespace embudo::pipeline::rpc
