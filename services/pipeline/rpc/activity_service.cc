#include <optional>

#include "common/base/error.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Activity;
using type::v1::Lead;

constexpr char kNextDate[] =
    "SELECT min(due_date) FROM pipeline.activity"
    " WHERE tenant_id = $1 AND lead_id = $2::uuid AND state = 'PLANNED' AND delete_time IS NULL";

// Keeps Lead.next_activity_date and last_touch_time after a change of one of the lead's activities. Repeating it for
// the same state of the activity changes nothing.
absl::Status RefreshLead(Records& records, const CallContext& call, const Activity& activity) {
  const std::string lead_name = activity.name().substr(0, activity.name().find("/activities/"));
  const bool person = call.identity.actor.starts_with("users/");
  Lead unused;
  return records.leads().Modify(
      call, lead_name, "", v1::GetActivityRequest(), type::v1::EVENT_TYPE_LEAD_UPDATED,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        auto& lead = static_cast<Lead&>(record);
        const std::string id = lead_name.substr(lead_name.find('/') + 1);
        EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline, kNextDate,
                                                                db::Params::Of(call.tenant(), id)));
        if (rows[0].IsNull(0)) {
          lead.clear_next_activity_date();
        } else {
          *lead.mutable_next_activity_date() = ToDate(std::chrono::floor<std::chrono::days>(rows[0].TimeAt(0)));
        }
        if (person && FromTimestamp(lead.last_touch_time()) < FromTimestamp(activity.update_time())) {
          *lead.mutable_last_touch_time() = activity.update_time();
        }
        return absl::OkStatus();
      },
      unused);
}

absl::Status Complete(Records& records, const CallContext& call, const v1::CompleteActivityRequest& request,
                      Activity& response) {
  return records.activities().Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_ACTIVITY_DONE,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        auto& activity = static_cast<Activity&>(record);
        if (activity.state() != Activity::STATE_PLANNED) {
          return Error(absl::StatusCode::kFailedPrecondition, "ACTIVITY_NOT_PLANNED",
                       request.name() + " is not planned")
              .Violation("STATE", request.name(), "is done or cancelled already");
        }
        activity.set_state(Activity::STATE_DONE);
        activity.set_feedback(request.feedback());
        *activity.mutable_done_time() = ToTimestamp(records.clock().Now());
        return absl::OkStatus();
      },
      response);
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeActivityService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetActivityRequest::descriptor()->file()->service(0));
  using Method = absl::Status (resource::Resource::*)(const CallContext&, const Message&, Message&);
  const auto refreshing = [&records](auto method) {
    return [&records, method](const CallContext& call, const Message& request, Message& response) -> absl::Status {
      EMBUDO_RETURN_IF_ERROR(method(call, request, response));
      const auto* validate_only = request.GetDescriptor()->FindFieldByName("validate_only");
      if (request.GetReflection()->GetBool(request, validate_only)) return absl::OkStatus();
      return RefreshLead(records, call, static_cast<const Activity&>(response));
    };
  };
  const auto standard = [&records](Method method) {
    return [&records, method](const CallContext& call, const Message& request, Message& response) {
      return (records.activities().*method)(call, request, response);
    };
  };
  service->UnaryAny("CreateActivity", refreshing(standard(&resource::Resource::Create)));
  service->UnaryAny("UpdateActivity", refreshing(standard(&resource::Resource::Update)));
  service->UnaryAny("DeleteActivity", refreshing(standard(&resource::Resource::Delete)));
  service->UnaryAny("CompleteActivity",
                    refreshing([&records](const CallContext& call, const Message& request, Message& response) {
                      return Complete(records, call, static_cast<const v1::CompleteActivityRequest&>(request),
                                      static_cast<Activity&>(response));
                    }));
  records.activities().Bind(*service);
  records.activity_types().Bind(*service);
  records.activity_plans().Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
