#pragma once

#include <string>

#include "embudo/automation/v1/rule.pb.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::automation::logic {

/// What a trigger waits for.
enum class TriggerKind {
  kLead,      ///< a change of a lead, which the event bears
  kRecord,    ///< something that belongs to a lead: the event bears that, and not the lead
  kMoment,    ///< a time that follows from a lead's fields
  kSchedule,  ///< a time of its own
  kCall,      ///< another system
};
TriggerKind KindOf(const v1::Trigger& trigger);

/// Whether the event is what the trigger waits for. It goes by what became of the lead, not by the event's type: a lead
/// that an import creates as won was won, and one that conversion puts into a stage entered it.
bool SetsOff(const v1::Trigger& trigger, const type::v1::Event& event);

/// The lead that an event is about; empty if none.
std::string LeadOf(const type::v1::Event& event);
/// Whether the event tells that a lead's path, or a key of it, came to have the value that it has now.
bool Became(const type::v1::Event& event, std::string_view path);
/// Whether it tells that it changed.
bool Changed(const type::v1::Event& event, std::string_view path);

}  // namespace embudo::automation::logic
