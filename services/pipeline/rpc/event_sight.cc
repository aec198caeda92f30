#include "services/pipeline/rpc/event_sight.h"

#include "common/base/error.h"

namespace embudo::pipeline::rpc {

absl::StatusOr<bool> MaySeeEvent(Records& records, const embudo::rpc::CallContext& call, const type::v1::Event& event) {
  if (records.MaySeeEvent(call, event)) return true;
  // What a representative may see stands in the configuration and in the lead.
  EMBUDO_RETURN_IF_ERROR(records.catalogs().Get(call.tenant(), call.deadline).status());
  if (event.data().has_lead()) return records.MaySee(call, event.data().lead());
  const absl::Status lead = records.leads().Load(call, "leads/" + event.partition_key(), true).status();
  if (lead.ok() || absl::IsNotFound(lead)) return lead.ok();
  return lead;
}

}  // namespace embudo::pipeline::rpc
