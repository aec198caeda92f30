#include "services/automation/events/run_context.h"

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"

namespace embudo::automation::events {
namespace {

rpc::Identity IdentityOfRun(const storage::HeldRun& held) {
  rpc::Identity identity = IdentityOf(held.tenant);
  identity.cause.set_event_id(held.run.event_id());
  identity.cause.set_rule(held.run.rule());
  identity.cause.set_depth(held.run.depth());
  return identity;
}

}  // namespace

rpc::Identity IdentityOf(const std::string& tenant) {
  rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = "services/automation";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_AUTOMATION;
  return identity;
}

RunContext::RunContext(storage::HeldRun& held, rpc::Client& pipeline)
    : held_(held), pipeline_(pipeline), identity_(IdentityOfRun(held)) {}

absl::StatusOr<const type::v1::Lead*> RunContext::Lead() {
  if (!lead_) {
    pipeline::v1::GetLeadRequest request;
    request.set_name(run().lead());
    EMBUDO_ASSIGN_OR_RETURN(lead_, Call<type::v1::Lead>("LeadService/GetLead", request));
  }
  return &*lead_;
}

}  // namespace embudo::automation::events
