#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::automation::logic {

/// Triggers that wait for a moment of a lead.

/// When what the trigger waits for is due for the lead as it is; nullopt: never, as it is. Days are those of the zone.
std::optional<Time> DueOf(const v1::Trigger& trigger, const type::v1::Lead& lead, const absl::TimeZone& zone);

/// The fields that decide when it is due.
std::vector<std::string> WatchedFields(const v1::Trigger& trigger);

/// Whether moments from before the rule was switched on count.
bool LooksBack(const v1::Trigger& trigger);
/// How often to look for what is due.
std::chrono::seconds LookEvery(const v1::Trigger& trigger);

/// A question to the pipeline's ListLeads whose answer holds all leads that are due after `after` (nullopt: ever) and
/// up to `until`, in the order of the field. The pipeline has an index for it.
struct DueQuery {
  std::string filter;
  std::string order_by;
};
std::vector<DueQuery> DueQueries(const v1::Trigger& trigger, std::optional<Time> after, Time until,
                                 const absl::TimeZone& zone);

/// The id by which a rule answers that moment of the lead once.
std::string MomentId(const std::string& tenant, const std::string& rule, const std::string& lead, Time due);

/// INVALID_ARGUMENT for a field without moments, or a duration out of range.
absl::Status CheckMoment(const v1::Trigger& trigger, const std::string& path);

}  // namespace embudo::automation::logic
