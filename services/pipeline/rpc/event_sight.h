#pragma once

#include "absl/status/statusor.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Whether the caller may be told the event, as Records::MaySeeEvent has it, for who must not take a database that is
/// away for a no. Errors are the database's.
absl::StatusOr<bool> MaySeeEvent(Records& records, const embudo::rpc::CallContext& call, const type::v1::Event& event);

}  // namespace embudo::pipeline::rpc
