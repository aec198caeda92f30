#pragma once

#include <string>

#include "common/base/clock.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/automation/v1/run.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "services/automation/logic/rule.h"

namespace embudo::automation::logic {

inline constexpr char kTimeDue[] = "time.due";
inline constexpr char kScheduleDue[] = "schedule.due";
inline constexpr char kWebhookReceived[] = "webhook.received";

/// A run that answers an event. One whose chain of rules is too long is dead from the start.
v1::Run RunForEvent(const Match& match, const type::v1::Event& event, Time now);

/// A run that answers something else than an event: `event_type` one of those above, `event_id` the same whenever it is
/// made for the same, `time` when it was due.
v1::Run RunForMoment(const v1::Rule& rule, const std::string& event_type, const std::string& event_id,
                     const std::string& lead, Time time, Time now);

}  // namespace embudo::automation::logic
