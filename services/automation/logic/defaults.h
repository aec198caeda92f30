#pragma once

#include <vector>

#include "embudo/automation/v1/rule.pb.h"

namespace embudo::automation::logic {

/// The rules that a new tenant gets, switched off: `UpdateRule {rule {name, enabled: true}, update_mask: "enabled"}`
/// switches one on.
///   rules/lead-assignment      a new lead of a team without an owner → the team's members in turn
///   rules/follow-up-reminder   nothing planned and nothing done for three days → an activity for the owner
///   rules/stage-email          a lead enters Proposal → the mail that goes with a proposal
///   rules/lead-enrichment      a new lead with a mail address → what it lacks is asked of the providers
///   rules/stale-deal-alert     a deal is in Negotiation for more than 21 days → the manager is told, a star more
///   rules/stage-activity       an open lead moves to another stage → a follow-up for its owner, due in two days
/// One is switched on, and does something only where a stage has an entry template:
///   rules/stage-entry-template a lead enters such a stage → its template is sent
std::vector<v1::Rule> DefaultRules();

}  // namespace embudo::automation::logic
