#pragma once

#include "common/resource/table.h"

namespace embudo::automation::storage {

/// The tables of the service's resources.
const resource::Table& RuleTable();
const resource::Table& RunTable();
const resource::Table& MailTemplateTable();
const resource::Table& MailTable();
const resource::Table& TerritoryTable();
const resource::Table& AssignmentSettingsTable();
const resource::Table& AssignmentDecisionTable();
const resource::Table& WebhookTable();
const resource::Table& WebhookDeliveryTable();

}  // namespace embudo::automation::storage
