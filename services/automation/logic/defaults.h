#pragma once

#include <vector>

#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::logic {

/// The rules that a new tenant gets, switched off: `UpdateRule {rule {name, enabled: true}, update_mask: "enabled"}`
/// switches one on.
///   rules/lead-assignment   a new lead of a team without an owner → the team's members in turn
///   rules/stage-activity    an open lead moves to another stage → a follow-up for its owner, due in two days
std::vector<v1::Rule> DefaultRules();

}  // namespace embudo::automation::logic
