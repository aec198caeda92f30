#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/db/connection.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::capture::events {

/// Takes persons that were erased (`privacy.erased`) out of what came in: of submissions that went to their leads no
/// more is left than that there was one, by which channel and when, and the keys that their leads were found by are
/// gone. In the consumer's transaction, as the worker role.
absl::Status ErasePersons(db::Connection& connection, const std::vector<type::v1::Event>& events);

}  // namespace embudo::capture::events
