#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::logic {

/// What is doubtful about a rule that can be saved, in a line each: that it may come to set itself off by other rules
/// that are enabled, that it answers everything. It goes by what actions may change, not by conditions, so a chain that
/// it points out need not come about.
std::vector<std::string> WarningsOf(const v1::Rule& rule, const std::vector<v1::Rule>& others);

/// FAILED_PRECONDITION, reason RULE_LOOP, if the rule without any condition sets the very fields that it waits for: no
/// change of them by anybody would last.
absl::Status CheckOwnLoop(const v1::Rule& rule);

}  // namespace embudo::automation::logic
