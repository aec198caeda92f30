#include "services/automation/rpc/rule_service.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "services/automation/logic/requests.h"
#include "services/automation/logic/rule.h"
#include "services/automation/storage/rules.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation {

using google::protobuf::Message;
using v1::Rule;

RuleService::RuleService(db::Pool& pool, resource::Writer& writer, const Clock& clock)
    : pool_(pool),
      update_values_(pipeline::v1::UpdateLeadRequest::descriptor(), rpc::RequiredScope::kRequestOnly),
      rules_(storage::RuleTable(),
             {.prepare = [this](const rpc::CallContext& call, Message& after,
                                const Message* before) { return Prepare(call, after, before); },
              .default_order = "create_time"},
             pool, writer, clock) {}

std::unique_ptr<rpc::Service> RuleService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetRuleRequest::descriptor()->file()->service(0));
  rules_.Bind(*service);
  for (const char* method : {"DryRunRule", "RotateRuleHook"}) {
    service->UnaryAny(method, [](const rpc::CallContext&, const Message&, Message&) -> absl::Status {
      return absl::UnimplementedError("not in this version");
    });
  }
  return service;
}

absl::Status RuleService::Prepare(const rpc::CallContext& call, Message& after, const Message* before) {
  auto& rule = static_cast<Rule&>(after);
  if (rule.has_delete_time()) return absl::OkStatus();
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    EMBUDO_RETURN_IF_ERROR(logic::Validate(rule, storage::ResolverOf(*lease, call.tenant())));
  }
  for (const v1::Action& action : rule.actions()) {
    if (!action.has_update_fields()) continue;
    EMBUDO_ASSIGN_OR_RETURN(const auto request, logic::UpdateRequest(v1::Run(), action.update_fields(), Uuid()));
    EMBUDO_RETURN_IF_ERROR(update_values_.Check(request));
  }
  const auto* old = static_cast<const Rule*>(before);
  if (old == nullptr) {
    rule.set_rule_version(1);
  } else if (!logic::DoSame(rule, *old)) {
    rule.set_rule_version(old->rule_version() + 1);
  }
  return absl::OkStatus();
}

}  // namespace embudo::automation
