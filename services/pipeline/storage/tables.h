#pragma once

#include "common/resource/table.h"

namespace embudo::pipeline::storage {

/// The tables of the service's resources.
const resource::Table& TenantTable();
const resource::Table& PipelineTable();
const resource::Table& StageTable();
const resource::Table& TeamTable();
const resource::Table& MembershipTable();
const resource::Table& UserTable();
const resource::Table& TagTable();
const resource::Table& LostReasonTable();
const resource::Table& ProductTable();
const resource::Table& ContactTable();
const resource::Table& LeadTable();
const resource::Table& ActivityTable();
const resource::Table& ActivityTypeTable();
const resource::Table& ActivityPlanTable();
const resource::Table& MessageTable();
const resource::Table& AttachmentTable();
const resource::Table& ApprovalTable();
const resource::Table& NotificationTable();
const resource::Table& QuoteTable();
const resource::Table& OrderTable();
const resource::Table& TargetTable();
const resource::Table& CustomFieldTable();
const resource::Table& ExchangeRateTable();
const resource::Table& CampaignTable();
const resource::Table& UtmSourceTable();
const resource::Table& UtmMediumTable();
const resource::Table& TouchTable();
const resource::Table& SubscriptionTable();
const resource::Table& ErasureTable();
const resource::Table& AuditEntryTable();

}  // namespace embudo::pipeline::storage
