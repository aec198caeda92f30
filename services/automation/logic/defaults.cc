#include "services/automation/logic/defaults.h"

namespace embudo::automation::logic {
namespace {

constexpr int64_t kDay = 86400;

v1::Rule Named(const char* id, const char* display_name) {
  v1::Rule rule;
  rule.set_name(std::string("rules/") + id);
  rule.set_display_name(display_name);
  rule.set_rule_version(1);
  return rule;
}

v1::Rule LeadAssignment() {
  v1::Rule rule = Named("lead-assignment", "Lead assignment");
  rule.mutable_trigger()->mutable_lead_created();
  rule.set_condition("NOT is_set(owner) AND is_set(team)");
  rule.add_actions()->mutable_assign()->set_strategy(v1::Action::Assign::STRATEGY_ROUND_ROBIN);
  return rule;
}

v1::Rule StageActivity() {
  v1::Rule rule = Named("stage-activity", "Stage activity");
  rule.mutable_trigger()->mutable_stage_entered();
  // Without the first part it would also answer the creation of a lead.
  rule.set_condition("changed:stage AND state = OPEN");
  v1::Action::CreateActivity& activity = *rule.add_actions()->mutable_create_activity();
  activity.set_type(type::v1::Activity::TYPE_CALL);
  activity.set_summary("Follow up on the new stage");
  activity.set_due_in_days(2);
  return rule;
}

v1::Rule FollowUpReminder() {
  v1::Rule rule = Named("follow-up-reminder", "Follow-up reminder");
  rule.mutable_trigger()->mutable_untouched()->mutable_duration()->set_seconds(3 * kDay);
  rule.set_condition("is_set(owner)");
  v1::Action::CreateActivity& activity = *rule.add_actions()->mutable_create_activity();
  activity.set_type(type::v1::Activity::TYPE_CALL);
  activity.set_summary("Follow up: nothing has happened for three days");
  return rule;
}

v1::Rule StageEmail() {
  v1::Rule rule = Named("stage-email", "Stage email");
  rule.mutable_trigger()->mutable_stage_entered()->set_stage("pipelines/default/stages/proposal");
  rule.set_condition("state = OPEN AND is_set(email)");
  rule.add_actions()->mutable_send_email()->set_template_("mailTemplates/proposal");
  return rule;
}

v1::Rule LeadEnrichment() {
  v1::Rule rule = Named("lead-enrichment", "Lead enrichment");
  rule.mutable_trigger()->mutable_lead_created();
  rule.set_condition("is_set(email)");
  rule.add_actions()->mutable_enrich();
  return rule;
}

v1::Rule StaleDealAlert() {
  v1::Rule rule = Named("stale-deal-alert", "Stale deal alert");
  v1::Trigger::StageOverstayed& trigger = *rule.mutable_trigger()->mutable_stage_overstayed();
  trigger.set_stage("pipelines/default/stages/negotiation");
  trigger.mutable_duration()->set_seconds(21 * kDay);
  v1::Action::Notify& notify = *rule.add_actions()->mutable_notify();
  notify.set_manager(true);
  notify.set_text("This deal has been in Negotiation for more than 21 days");
  rule.add_actions()->mutable_set_priority()->set_raise(1);
  return rule;
}

v1::Rule StageEntryTemplate() {
  v1::Rule rule = Named("stage-entry-template", "Stage entry template");
  rule.set_enabled(true);
  rule.mutable_trigger()->mutable_stage_entered()->set_with_entry_template(true);
  rule.add_actions()->mutable_send_email();
  return rule;
}

}  // namespace

std::vector<v1::Rule> DefaultRules() {
  return {LeadAssignment(), FollowUpReminder(), StageEmail(),        LeadEnrichment(),
          StaleDealAlert(), StageActivity(),    StageEntryTemplate()};
}

}  // namespace embudo::automation::logic
