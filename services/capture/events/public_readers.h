#pragma once

#include "common/db/pool.h"
#include "services/capture/events/intake.h"

namespace embudo::capture::events {

/// Lets kept forms and calls of webhooks be replayed by the form or the hook as it is now. What it would still reject
/// is FAILED_PRECONDITION with the reason; what was taken for spam is what a person says it is not. Of a form or a hook
/// that is gone, what was made of it at first is taken. `pool` outlives the intake.
void ReadPublicChannels(db::Pool& pool, Intake& intake);

}  // namespace embudo::capture::events
