#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::automation::events {

/// What the log tells of mails, in the transaction of its consumer: one that was written into a conversation goes into
/// the queue, unless it came from there; one that bounced is marked; of an erased person the addresses go. A new tenant
/// gets its templates. Whether mails became due.
absl::StatusOr<bool> TakeInMails(db::Connection& connection, const std::vector<type::v1::Event>& events, Time now);

}  // namespace embudo::automation::events
