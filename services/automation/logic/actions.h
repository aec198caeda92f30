#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::logic {

/// Calls `visit` for each action of the rule, those in branches after their branch, with its path from the rule
/// (`actions[1].branch.then[0]`) and how many branches it stands in; ends at the first error.
absl::Status ForEachAction(
    const v1::Rule& rule,
    const std::function<absl::Status(const v1::Action& action, const std::string& path, int depth)>& visit);

/// What the action does, in a line for people: `assign to a member of teams/sales`.
std::string DescribeAction(const v1::Action& action);

/// `3 days`, `90 minutes`.
std::string DescribeDuration(const google::protobuf::Duration& duration);

}  // namespace embudo::automation::logic
