#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/db/connection.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::reporting::events {

/// Brings what reports are made of up to a batch of events, in the transaction that moves the consumer's checkpoint. An
/// event tells its whole record, so only the last of each record counts.
absl::Status Project(db::Connection& connection, const std::vector<type::v1::Event>& events);

}  // namespace embudo::reporting::events
