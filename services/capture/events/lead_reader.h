#pragma once

#include <vector>

#include "common/db/connection.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::capture::events {

/// Takes what the events tell of leads into the index, so that leads that came by other ways are known too, and
/// erases persons (see ErasePersons). In the consumer's transaction.
absl::Status TakeIn(db::Connection& connection, const std::vector<type::v1::Event>& events);

}  // namespace embudo::capture::events
