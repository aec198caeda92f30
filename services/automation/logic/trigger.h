#pragma once

#include "embudo/automation/v1/rule.pb.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::automation::logic {

/// Whether the event is what the trigger waits for. It goes by what became of the lead, not by the event's type: a lead
/// that an import creates as won was won, and one that conversion puts into a stage entered it.
bool SetsOff(const v1::Trigger& trigger, const type::v1::Event& event);

}  // namespace embudo::automation::logic
