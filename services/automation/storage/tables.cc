#include "services/automation/storage/tables.h"

#include "embudo/automation/v1/assignment.pb.h"
#include "embudo/automation/v1/mail.pb.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/automation/v1/run.pb.h"
#include "embudo/automation/v1/template.pb.h"
#include "embudo/automation/v1/webhook.pb.h"

namespace embudo::automation::storage {

const resource::Table& RuleTable() {
  static const resource::Table table(v1::Rule::descriptor(), "automation.rule");
  return table;
}

const resource::Table& RunTable() {
  static const resource::Table table(v1::Run::descriptor(), "automation.run");
  return table;
}

const resource::Table& MailTemplateTable() {
  static const resource::Table table(v1::MailTemplate::descriptor(), "automation.mail_template");
  return table;
}

const resource::Table& MailTable() {
  static const resource::Table table(v1::Mail::descriptor(), "automation.mail");
  return table;
}

const resource::Table& TerritoryTable() {
  static const resource::Table table(v1::Territory::descriptor(), "automation.territory");
  return table;
}

const resource::Table& AssignmentSettingsTable() {
  static const resource::Table table(v1::AssignmentSettings::descriptor(), "automation.assignment_settings");
  return table;
}

const resource::Table& AssignmentDecisionTable() {
  static const resource::Table table(v1::AssignmentDecision::descriptor(), "automation.assignment_decision");
  return table;
}

const resource::Table& WebhookTable() {
  static const resource::Table table(v1::Webhook::descriptor(), "automation.webhook");
  return table;
}

const resource::Table& WebhookDeliveryTable() {
  static const resource::Table table(v1::WebhookDelivery::descriptor(), "automation.webhook_delivery");
  return table;
}

}  // namespace embudo::automation::storage
