#include "services/pipeline/storage/tables.h"

#include "embudo/pipeline/v1/audit_service.pb.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/activity_type.pb.h"
#include "embudo/type/v1/approval.pb.h"
#include "embudo/type/v1/attachment.pb.h"
#include "embudo/type/v1/campaign.pb.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/custom_field.pb.h"
#include "embudo/type/v1/erasure.pb.h"
#include "embudo/type/v1/exchange_rate.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "embudo/type/v1/notification.pb.h"
#include "embudo/type/v1/pipeline.pb.h"
#include "embudo/type/v1/quote.pb.h"
#include "embudo/type/v1/subscription.pb.h"
#include "embudo/type/v1/target.pb.h"
#include "embudo/type/v1/team.pb.h"
#include "embudo/type/v1/tenant.pb.h"
#include "embudo/type/v1/touch.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::pipeline::storage {
namespace {

template <class Message>
const resource::Table& TableOf(const char* name, const char* history = "") {
  static const resource::Table table(Message::descriptor(), name, history);
  return table;
}

}  // namespace

const resource::Table& TenantTable() { return TableOf<type::v1::Tenant>("pipeline.tenant"); }
const resource::Table& PipelineTable() { return TableOf<type::v1::Pipeline>("pipeline.pipeline"); }
const resource::Table& StageTable() { return TableOf<type::v1::Stage>("pipeline.stage"); }
const resource::Table& TeamTable() { return TableOf<type::v1::Team>("pipeline.team"); }
const resource::Table& MembershipTable() { return TableOf<type::v1::Membership>("pipeline.membership"); }
const resource::Table& UserTable() { return TableOf<type::v1::User>("pipeline.\"user\""); }
const resource::Table& TagTable() { return TableOf<type::v1::Tag>("pipeline.tag"); }
const resource::Table& LostReasonTable() { return TableOf<type::v1::LostReason>("pipeline.lost_reason"); }
const resource::Table& ProductTable() { return TableOf<type::v1::Product>("pipeline.product"); }
const resource::Table& ContactTable() { return TableOf<type::v1::Contact>("pipeline.contact"); }
const resource::Table& LeadTable() { return TableOf<type::v1::Lead>("pipeline.lead", "pipeline.lead_history"); }
const resource::Table& ActivityTable() { return TableOf<type::v1::Activity>("pipeline.activity"); }
const resource::Table& ActivityTypeTable() { return TableOf<type::v1::ActivityType>("pipeline.activity_type"); }
const resource::Table& ActivityPlanTable() { return TableOf<type::v1::ActivityPlan>("pipeline.activity_plan"); }
const resource::Table& MessageTable() { return TableOf<type::v1::Message>("pipeline.message"); }
const resource::Table& AttachmentTable() { return TableOf<type::v1::Attachment>("pipeline.attachment"); }
const resource::Table& ApprovalTable() { return TableOf<type::v1::Approval>("pipeline.approval"); }
const resource::Table& NotificationTable() { return TableOf<type::v1::Notification>("pipeline.notification"); }
const resource::Table& QuoteTable() { return TableOf<type::v1::Quote>("pipeline.quote"); }
const resource::Table& OrderTable() { return TableOf<type::v1::Order>("pipeline.\"order\""); }
const resource::Table& TargetTable() { return TableOf<type::v1::Target>("pipeline.target"); }
const resource::Table& CustomFieldTable() { return TableOf<type::v1::CustomField>("pipeline.custom_field"); }
const resource::Table& ExchangeRateTable() { return TableOf<type::v1::ExchangeRate>("pipeline.exchange_rate"); }
const resource::Table& CampaignTable() { return TableOf<type::v1::Campaign>("pipeline.campaign"); }
const resource::Table& UtmSourceTable() { return TableOf<type::v1::UtmSource>("pipeline.utm_source"); }
const resource::Table& UtmMediumTable() { return TableOf<type::v1::UtmMedium>("pipeline.utm_medium"); }
const resource::Table& TouchTable() { return TableOf<type::v1::Touch>("pipeline.touch"); }
const resource::Table& AuditEntryTable() { return TableOf<v1::AuditEntry>("pipeline.audit_entry"); }
const resource::Table& ErasureTable() { return TableOf<type::v1::Erasure>("pipeline.erasure"); }
const resource::Table& SubscriptionTable() { return TableOf<type::v1::Subscription>("pipeline.subscription"); }

}  // namespace embudo::pipeline::storage
