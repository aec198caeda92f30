#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "embudo/automation/v1/assignment.pb.h"

namespace embudo::automation::logic {

/// Whether people of a time zone work at that moment. Without any hours: always.
bool IsAtWork(const v1::AssignmentSettings& settings, const std::string& time_zone, Time now);

/// INVALID_ARGUMENT for settings that mean nothing: times that are none, an end before its start, a team twice, filters
/// that do not compile are the caller's to check.
absl::Status CheckTimes(const v1::AssignmentSettings& settings);

}  // namespace embudo::automation::logic
