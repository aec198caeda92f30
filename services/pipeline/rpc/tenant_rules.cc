#include "services/pipeline/rpc/tenant_rules.h"

#include "common/base/error.h"
#include "common/text/dates.h"
#include "embudo/type/v1/tenant.pb.h"

namespace embudo::pipeline::rpc {

resource::Rules TenantRules() {
  resource::Rules rules;
  rules.created = type::v1::EVENT_TYPE_TENANT_CREATED;
  rules.updated = type::v1::EVENT_TYPE_TENANT_UPDATED;
  rules.prepare = [](const embudo::rpc::CallContext&, google::protobuf::Message& after,
                     const google::protobuf::Message* before) -> absl::Status {
    auto& tenant = static_cast<type::v1::Tenant&>(after);
    const auto* old = static_cast<const type::v1::Tenant*>(before);
    if (tenant.time_zone().empty()) tenant.set_time_zone("UTC");
    if (tenant.region_code().empty()) tenant.set_region_code("US");
    const bool same = old != nullptr && old->time_zone() == tenant.time_zone();
    if (same || text::IsTimeZone(tenant.time_zone())) return absl::OkStatus();
    return InvalidField("tenant.time_zone", "is no time zone of the IANA database");
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
