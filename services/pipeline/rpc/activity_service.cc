#include "services/pipeline/rpc/activity_service.h"

#include "common/base/error.h"
#include "services/pipeline/logic/activity_rules.h"
#include "services/pipeline/rpc/activity_effects.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Activity;
using type::v1::Lead;

// Plans what the type of a done activity triggers, in the same transaction.
absl::Status PlanNext(Records& records, const CallContext& call, const logic::Scene& scene, Activity& done,
                      resource::Effects& effects) {
  const auto* type = scene.catalog.FindActivityType(done.activity_type());
  if (type == nullptr || type->triggered_type().empty()) return absl::OkStatus();
  const std::string lead_name = Records::LeadOf(done.name());
  EMBUDO_ASSIGN_OR_RETURN(const auto states, ReadLeadStates(records, call, {lead_name}, {}));
  if (states.empty()) return NotFound("embudo.dev/Lead", lead_name);
  std::optional<Activity> next =
      logic::TriggeredBy(scene, static_cast<const Lead&>(*states.begin()->second.lead.message), done);
  if (!next) return absl::OkStatus();
  next->set_name(lead_name + "/activities/" + Uuid::V7(scene.now).ToString());
  done.set_next_activity(next->name());
  effects.also.push_back(records.activities().NewPreparedChange(call, std::make_unique<Activity>(*std::move(next)),
                                                                v1::GetActivityRequest()));
  return absl::OkStatus();
}

// The frame of the custom methods: `change` is a rule of logic/activity_rules.h with the request's arguments.
template <class Request, class Change>
absl::StatusOr<Activity> ChangeActivity(Records& records, const CallContext& call, const Request& request,
                                        type::v1::EventType event, Change change) {
  Activity response;
  EMBUDO_RETURN_IF_ERROR(records.activities().Modify(
      call, request.name(), request.etag(), request, event,
      [&](Message& record, resource::Effects& effects) {
        return records.WithScene(
            call, [&](const logic::Scene& scene) { return change(scene, static_cast<Activity&>(record), effects); });
      },
      response));
  return response;
}

absl::StatusOr<Activity> Complete(Records& records, const CallContext& call,
                                  const v1::CompleteActivityRequest& request) {
  return ChangeActivity(records, call, request, type::v1::EVENT_TYPE_ACTIVITY_DONE,
                        [&](const logic::Scene& scene, Activity& activity, resource::Effects& effects) -> absl::Status {
                          EMBUDO_RETURN_IF_ERROR(logic::Complete(scene, request.feedback(), activity));
                          return PlanNext(records, call, scene, activity, effects);
                        });
}

absl::StatusOr<Activity> Cancel(Records& records, const CallContext& call, const v1::CancelActivityRequest& request) {
  return ChangeActivity(
      records, call, request, type::v1::EVENT_TYPE_ACTIVITY_CANCELLED,
      [](const logic::Scene& scene, Activity& activity, resource::Effects&) { return logic::Cancel(scene, activity); });
}

absl::StatusOr<Activity> Snooze(Records& records, const CallContext& call, const v1::SnoozeActivityRequest& request) {
  return ChangeActivity(records, call, request, type::v1::EVENT_TYPE_ACTIVITY_UPDATED,
                        [&](const logic::Scene& scene, Activity& activity, resource::Effects&) {
                          return logic::Snooze(scene, request.has_due_date() ? &request.due_date() : nullptr,
                                               request.days(), activity);
                        });
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeActivityService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetActivityRequest::descriptor()->file()->service(0));
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*handler)(Records&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&records, handler](const CallContext& call, const Request& request) {
      return handler(records, call, request);
    });
  };
  custom("CompleteActivity", Complete);
  custom("CancelActivity", Cancel);
  custom("SnoozeActivity", Snooze);
  custom("LaunchActivityPlan", LaunchActivityPlan);
  custom("GetAgenda", GetAgenda);
  records.activities().Bind(*service);
  records.activity_types().Bind(*service);
  records.activity_plans().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
