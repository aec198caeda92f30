// Rules of activities, their types and plans.

#include "common/base/error.h"
#include "embudo/type/v1/activity.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Rules Records::ActivityRules() {
  Rules rules = UnderLead(EVENT_TYPE_ACTIVITY_CREATED, EVENT_TYPE_ACTIVITY_UPDATED, EVENT_TYPE_ACTIVITY_DELETED);
  rules.default_order = "due_date";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& activity = static_cast<Activity&>(after);
    const std::string lead_name = activity.name().substr(0, activity.name().find("/activities/"));
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, leads_.Load(call, lead_name));
    if (activity.type() == Activity::TYPE_UNSPECIFIED) activity.set_type(Activity::TYPE_TODO);
    if (before == nullptr) {
      activity.set_state(Activity::STATE_PLANNED);
      if (activity.assignee().empty()) activity.set_assignee(static_cast<const Lead&>(*lead.message).owner());
    }
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    const bool kept = before != nullptr && activity.assignee() == static_cast<const Activity*>(before)->assignee();
    if (!kept && !activity.assignee().empty() && !catalog->users.contains(activity.assignee())) {
      return InvalidField("activity.assignee", "there is no " + activity.assignee());
    }
    return absl::OkStatus();
  };
  return rules;
}

Rules Records::ActivityTypeRules() {
  Rules rules = ConfigurationRules(EVENT_TYPE_ACTIVITY_TYPE_CREATED, EVENT_TYPE_ACTIVITY_TYPE_UPDATED,
                                   EVENT_TYPE_ACTIVITY_TYPE_DELETED, {});
  rules.default_order = "sequence";
  return rules;
}

Rules Records::ActivityPlanRules() {
  return ConfigurationRules(EVENT_TYPE_ACTIVITY_PLAN_CREATED, EVENT_TYPE_ACTIVITY_PLAN_UPDATED,
                            EVENT_TYPE_ACTIVITY_PLAN_DELETED, {});
}

}  // namespace embudo::pipeline::rpc
