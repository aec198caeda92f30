#pragma once

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// A handler of TouchService.
absl::StatusOr<v1::BulkCreateTouchesResponse> BulkCreateTouches(Records& records, const embudo::rpc::CallContext& call,
                                                                const v1::BulkCreateTouchesRequest& request);

}  // namespace embudo::pipeline::rpc
