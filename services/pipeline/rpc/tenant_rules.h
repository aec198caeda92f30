#pragma once

#include "common/resource/resource.h"

namespace embudo::pipeline::rpc {

/// What a tenant may be.
resource::Rules TenantRules();

}  // namespace embudo::pipeline::rpc
