#include "services/pipeline/storage/tables.h"

#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/pipeline.pb.h"
#include "embudo/type/v1/team.pb.h"
#include "embudo/type/v1/tenant.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::pipeline::storage {
namespace {

template <class Message>
const resource::Table& TableOf(const char* name) {
  static const resource::Table table(Message::descriptor(), name);
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
const resource::Table& LeadTable() { return TableOf<type::v1::Lead>("pipeline.lead"); }
const resource::Table& ActivityTable() { return TableOf<type::v1::Activity>("pipeline.activity"); }

}  // namespace embudo::pipeline::storage
