#include "services/automation/logic/defaults.h"

namespace embudo::automation::logic {
namespace {

v1::Rule LeadAssignment() {
  v1::Rule rule;
  rule.set_name("rules/lead-assignment");
  rule.set_display_name("Lead assignment");
  rule.mutable_trigger()->mutable_lead_created();
  rule.set_condition("NOT is_set(owner) AND is_set(team)");
  rule.add_actions()->mutable_assign()->set_strategy(v1::Action::Assign::STRATEGY_ROUND_ROBIN);
  return rule;
}

v1::Rule StageActivity() {
  v1::Rule rule;
  rule.set_name("rules/stage-activity");
  rule.set_display_name("Stage activity");
  rule.mutable_trigger()->mutable_stage_entered();
  // Without the first part it would also answer the creation of a lead.
  rule.set_condition("changed:stage AND state = OPEN");
  v1::Action::CreateActivity& activity = *rule.add_actions()->mutable_create_activity();
  activity.set_type(type::v1::Activity::TYPE_CALL);
  activity.set_summary("Follow up on the new stage");
  activity.set_due_in_days(2);
  return rule;
}

}  // namespace

std::vector<v1::Rule> DefaultRules() {
  std::vector<v1::Rule> rules = {LeadAssignment(), StageActivity()};
  for (v1::Rule& rule : rules) rule.set_rule_version(1);
  return rules;
}

}  // namespace embudo::automation::logic
