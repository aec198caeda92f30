#include "services/automation/rpc/rule_service.h"

#include <memory>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/http/webhook_signature.h"
#include "common/log/log.h"
#include "common/resource/once.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/actions.h"
#include "services/automation/logic/custom_fields.h"
#include "services/automation/logic/loops.h"
#include "services/automation/logic/requests.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/validate.h"
#include "services/automation/rpc/custom_field_check.h"
#include "services/automation/rpc/dry_run.h"
#include "services/automation/storage/rule_hooks.h"
#include "services/automation/storage/rules.h"
#include "services/automation/storage/tables.h"
#include "services/automation/storage/templates.h"
#include "services/automation/storage/timers.h"

namespace embudo::automation {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using v1::Action;
using v1::Rule;

namespace {

template <class Request>
Request Named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

void Show(const storage::RuleHook& hook, v1::RotateRuleHookResponse* response) {
  response->set_path("/hooks/" + hook.key);
  response->set_secret(http::ShowSecret(hook.secret));
}

/// Who knows the address of a rule that takes unsigned calls can set it off: it is kept no more than the secret.
resource::Kept<v1::RotateRuleHookResponse> KeptHook(const std::string& tenant, const std::string& rule) {
  using Response = v1::RotateRuleHookResponse;
  const auto find = [tenant, rule](db::Connection& connection) {
    return storage::FindRuleHook(connection, tenant, std::string(IdOf(rule)));
  };
  auto kept = resource::WithoutSecret<Response>(
      rule, [find](db::Connection& connection) -> absl::StatusOr<std::vector<std::string>> {
        EMBUDO_ASSIGN_OR_RETURN(const auto hook, find(connection));
        return hook ? std::vector{http::ShowSecret(hook->secret)} : std::vector<std::string>();
      });
  return {[blank = kept.blank](Response& response) {
            response.clear_path();
            blank(response);
          },
          [find, restore = kept.restore](db::Connection& connection, Response& response) -> absl::Status {
            EMBUDO_RETURN_IF_ERROR(restore(connection, response));
            EMBUDO_ASSIGN_OR_RETURN(const auto hook, find(connection));
            Show(*hook, &response);
            return absl::OkStatus();
          }};
}

}  // namespace

RuleService::RuleService(db::Pool& pool, resource::Writer& writer, embudo::rpc::Client& pipeline, const Clock& clock)
    : pool_(pool),
      pipeline_(pipeline),
      clock_(clock),
      update_values_(pipeline::v1::UpdateLeadRequest::descriptor(), embudo::rpc::RequiredScope::kRequestOnly),
      rules_(storage::RuleTable(),
             {.prepare = [this](const CallContext& call, Message& after,
                                const Message* before) { return Prepare(call, after, before); },
              .effects =
                  [this](const CallContext& call, const Message& after, const Message* before,
                         resource::Effects& effects) {
                    const auto rule = std::make_shared<Rule>(static_cast<const Rule&>(after));
                    const auto* old = static_cast<const Rule*>(before);
                    const bool changed =
                        old == nullptr || !old->enabled() || old->has_delete_time() || !logic::DoSame(*rule, *old);
                    effects.statements = [this, rule, changed, tenant = call.tenant()](db::Connection& connection) {
                      return storage::SetTimer(connection, tenant, *rule, changed, clock_.Now());
                    };
                    return absl::OkStatus();
                  },
              .derive = [this](const CallContext& call, Message& record) { Derive(call, record); },
              .derived_from = {"trigger", "condition", "actions"},
              .default_order = "create_time"},
             pool, writer, clock) {}

std::unique_ptr<embudo::rpc::Service> RuleService::MakeService() {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetRuleRequest::descriptor()->file()->service(0));
  service->Unary<v1::DryRunRuleRequest, v1::DryRunRuleResponse>(
      "DryRunRule",
      [this](const CallContext& call, const v1::DryRunRuleRequest& request) { return DryRun(call, request); });
  service->Unary<v1::RotateRuleHookRequest, v1::RotateRuleHookResponse>(
      "RotateRuleHook",
      [this](const CallContext& call, const v1::RotateRuleHookRequest& request) { return RotateHook(call, request); });
  rules_.Bind(*service);
  return service;
}

absl::Status RuleService::Prepare(const CallContext& call, Message& after, const Message* before) {
  auto& rule = static_cast<Rule&>(after);
  rule.clear_warnings();
  if (rule.has_delete_time()) return absl::OkStatus();
  const auto* old = static_cast<const Rule*>(before);
  const bool same = old != nullptr && logic::DoSame(rule, *old);
  // A rule whose stage is gone can still be switched off and renamed.
  if (!same || (rule.enabled() && !old->enabled())) {
    EMBUDO_RETURN_IF_ERROR(Check(call, rule));
    EMBUDO_RETURN_IF_ERROR(logic::CheckOwnLoop(rule));
  }
  if (old == nullptr) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<Rule> others, LoadRules(call));
    if (static_cast<int>(others.size()) >= logic::kMaxRules) {
      return Error(absl::StatusCode::kFailedPrecondition, "TOO_MANY_RULES",
                   "there are " + std::to_string(others.size()) + " rules already")
          .Violation("LIMIT", "rules", "at most " + std::to_string(logic::kMaxRules));
    }
    rule.set_rule_version(1);
  } else if (!same) {
    rule.set_rule_version(old->rule_version() + 1);
  }
  return absl::OkStatus();
}

absl::Status RuleService::Check(const CallContext& call, const Rule& rule) {
  std::vector<logic::CustomFieldUse> custom_fields;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    const filter::Resolver resolver = storage::ResolverOf(*lease, call.tenant());
    EMBUDO_RETURN_IF_ERROR(logic::Validate(rule, resolver));
    custom_fields = logic::CustomFieldsOf(rule, resolver);
    EMBUDO_RETURN_IF_ERROR(CheckReferences(call, *lease, rule));
  }
  EMBUDO_RETURN_IF_ERROR(CheckCustomFields(pipeline_, call, custom_fields));
  return logic::ForEachAction(rule, [&](const Action& action, const std::string&, int) -> absl::Status {
    if (!action.has_update_fields()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(const auto request, logic::UpdateRequest(v1::Run(), action.update_fields(), Uuid()));
    return update_values_.Check(request);
  });
}

absl::Status RuleService::CheckReferences(const CallContext& call, db::Connection& connection, const Rule& rule) {
  const std::vector<logic::Reference> references = logic::ReferencesOf(rule);
  std::vector<std::string> names;
  for (const logic::Reference& reference : references) names.push_back(reference.name);
  EMBUDO_ASSIGN_OR_RETURN(const auto known, storage::KnownNames(connection, call.tenant(), names));
  for (const logic::Reference& reference : references) {
    if (reference.name.empty() || known.contains(reference.name)) continue;
    const std::string type = IdOf(reference.type);
    if (type == "MailTemplate") {
      EMBUDO_RETURN_IF_ERROR(storage::CheckTemplateExists(connection, call.tenant(), reference.name, reference.path));
    } else {
      EMBUDO_RETURN_IF_ERROR(CheckInPipeline(call, type, reference.name, reference.path));
    }
  }
  return absl::OkStatus();
}

absl::Status RuleService::CheckInPipeline(const CallContext& call, const std::string& type, const std::string& name,
                                          const std::string& path) {
  const auto get = [&]<class Request, class Record>(const char* method, Record) {
    return pipeline_
        .Call<Record>(std::string("embudo.pipeline.v1.") + method, events::IdentityOf(call.tenant()),
                      Named<Request>(name))
        .status();
  };
  absl::Status status = NotFound("", name);
  if (type == "Stage") {
    status = get.operator()<pipeline::v1::GetStageRequest>("PipelineService/GetStage", type::v1::Stage());
  } else if (type == "User") {
    status = get.operator()<pipeline::v1::GetUserRequest>("TeamService/GetUser", type::v1::User());
  } else if (type == "Team") {
    status = get.operator()<pipeline::v1::GetTeamRequest>("TeamService/GetTeam", type::v1::Team());
  } else if (type == "Tag") {
    status = get.operator()<pipeline::v1::GetTagRequest>("CatalogService/GetTag", type::v1::Tag());
  } else if (type == "ActivityType") {
    status = get.operator()<pipeline::v1::GetActivityTypeRequest>("ActivityService/GetActivityType",
                                                                  type::v1::ActivityType());
  }
  const bool wrong =
      status.code() == absl::StatusCode::kNotFound || status.code() == absl::StatusCode::kInvalidArgument;
  return wrong ? InvalidField(path, "there is no " + name) : status;
}

absl::StatusOr<std::vector<Rule>> RuleService::LoadRules(const CallContext& call) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
  return storage::LoadRules(*lease, call.tenant());
}

absl::StatusOr<std::vector<std::string>> RuleService::Warnings(const CallContext& call, const Rule& rule) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Rule> others, LoadRules(call));
  return logic::WarningsOf(rule, others);
}

void RuleService::Derive(const CallContext& call, Message& record) {
  auto& rule = static_cast<Rule&>(record);
  if (call.method.ends_with("/ListRules") || rule.has_delete_time()) return;
  const auto warnings = Warnings(call, rule);
  if (!warnings.ok()) {
    log::Warning("automation: no warnings about a rule", {{"why", MessageOf(warnings.status())}});
    return;
  }
  rule.mutable_warnings()->Assign(warnings->begin(), warnings->end());
}

absl::StatusOr<v1::DryRunRuleResponse> RuleService::DryRun(const CallContext& call,
                                                           const v1::DryRunRuleRequest& request) {
  Rule rule = request.rule();
  if (!request.name().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, rules_.Load(call, request.name()));
    rule = static_cast<const Rule&>(*record.message);
  } else if (!request.has_rule()) {
    return InvalidField("rule", "or name is required");
  } else {
    rule.set_name("rules/dry-run");
    EMBUDO_RETURN_IF_ERROR(Check(call, rule));
  }
  EMBUDO_ASSIGN_OR_RETURN(v1::DryRunRuleResponse response, DryRunRule(call, request, rule, pool_, pipeline_, clock_));
  EMBUDO_ASSIGN_OR_RETURN(const auto warnings, Warnings(call, rule));
  response.mutable_warnings()->Assign(warnings.begin(), warnings.end());
  return response;
}

absl::StatusOr<v1::RotateRuleHookResponse> RuleService::RotateHook(const CallContext& call,
                                                                   const v1::RotateRuleHookRequest& request) {
  using Response = v1::RotateRuleHookResponse;
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, rules_.Load(call, request.name()));
  const auto rotate = [&](db::Connection& connection, Response& response) -> absl::Status {
    if (!static_cast<const Rule&>(*record.message).trigger().has_webhook_received()) {
      return Error(absl::StatusCode::kFailedPrecondition, "NO_WEBHOOK", request.name() + " waits for something else")
          .Violation("TRIGGER", request.name(), "is not webhook_received");
    }
    const storage::RuleHook hook{.key = storage::NewHookKey(), .secret = http::NewSecret()};
    Show(hook, &response);
    return storage::PutRuleHook(connection, call.tenant(), IdOf(request.name()), hook, clock_.Now());
  };
  return resource::Once<Response>({"automation", pool_, clock_}, call, request, rotate,
                                  KeptHook(call.tenant(), request.name()));
}

}  // namespace embudo::automation
