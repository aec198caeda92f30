#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::scoring::events {

/// What the log tells scoring: keeps its leads and stages, counts leads that were won, lost or opened again, and marks
/// those that are to be scored. In the transaction that moves the consumer's checkpoint; some ten statements a tenant,
/// however many events.
absl::Status TakeIn(db::Connection& connection, const std::vector<type::v1::Event>& events, Time now);

}  // namespace embudo::scoring::events
