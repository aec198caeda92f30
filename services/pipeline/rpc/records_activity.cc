// Rules of activities, their types and plans.

#include "common/base/error.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/activity_type.pb.h"
#include "services/pipeline/logic/activity_rules.h"
#include "services/pipeline/rpc/activity_effects.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

// The ids of activity types in the elements of a jsonb column, as an array.
std::string TypeIdsIn(const std::string& column) {
  return "ARRAY(SELECT substr(e->>'activity_type', length('activityTypes/') + 1) FROM jsonb_array_elements(" + column +
         ") e)";
}

}  // namespace

Rules Records::ActivityRules() {
  Rules rules = UnderLead(EVENT_TYPE_ACTIVITY_CREATED, EVENT_TYPE_ACTIVITY_UPDATED, EVENT_TYPE_ACTIVITY_DELETED);
  rules.default_order = "due_date";
  // Whose task it is may see it and work on it, wherever the lead has gone meanwhile.
  rules.visible = [under_lead = rules.visible](const CallContext& call, const Message& record) {
    return static_cast<const Activity&>(record).assignee() == call.identity.actor || under_lead(call, record);
  };
  rules.visible_sql = [under_lead = rules.visible_sql](const CallContext& call,
                                                       db::Params& params) -> absl::StatusOr<std::string> {
    EMBUDO_ASSIGN_OR_RETURN(const std::string seen, under_lead(call, params));
    if (seen.empty() || !call.identity.actor.starts_with("users/")) return seen;
    params.Add(call.identity.actor.substr(std::string("users/").size()));
    return "(" + seen + " OR t.assignee_id = $" + std::to_string(params.size()) + ")";
  };
  rules.writable = [this](const CallContext& call, const Message& record) -> absl::Status {
    if (SeesAll(call) || static_cast<const Activity&>(record).assignee() == call.identity.actor) {
      return absl::OkStatus();
    }
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, leads_.Load(call, LeadOf(resource::NameOf(record))));
    return CheckMayEdit(call, static_cast<const Lead&>(*lead.message));
  };
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& activity = static_cast<Activity&>(after);
    return WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
      if (before != nullptr) {
        return logic::PrepareChangedActivity(scene, static_cast<const Activity&>(*before), activity);
      }
      EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, leads_.Load(call, LeadOf(activity.name())));
      const auto& lead = static_cast<const Lead&>(*record.message);
      EMBUDO_RETURN_IF_ERROR(CheckMayEdit(call, lead));
      // The name of a merged lead is that of the lead that took it in.
      activity.set_name(lead.name() + activity.name().substr(activity.name().find("/activities/")));
      return logic::PrepareNewActivity(scene, lead, activity);
    });
  };
  rules.effects = [this](const CallContext& call, const Message& after, const Message* before,
                         resource::Effects& effects) {
    return ActivityEffects(*this, call, static_cast<const Activity&>(after), static_cast<const Activity*>(before),
                           effects);
  };
  rules.derive = [this](const CallContext& call, Message& record) {
    const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
    auto& activity = static_cast<Activity&>(record);
    if (catalog.ok()) activity.set_due_state(logic::DueStateOf(**catalog, clock_.Now(), activity));
  };
  return rules;
}

Rules Records::ActivityTypeRules() {
  Rules rules = ConfigurationRules(
      EVENT_TYPE_ACTIVITY_TYPE_CREATED, EVENT_TYPE_ACTIVITY_TYPE_UPDATED, EVENT_TYPE_ACTIVITY_TYPE_DELETED,
      {{"pipeline.activity", {"activity_type_id"}, "activities"},
       {"pipeline.activity_plan", {TypeIdsIn("steps")}, "activity plans", true},
       {"pipeline.activity_type", {"triggered_type_id"}, "activity types"},
       {"pipeline.activity_type", {"array_remove(suggested_types, activity_type_id)"}, "activity types", true},
       {"pipeline.stage", {TypeIdsIn("exit_criteria")}, "stages", true}});
  rules.default_order = "sequence";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) {
    return WithScene(call, [&](const logic::Scene& scene) {
      return logic::PrepareActivityType(scene, static_cast<ActivityType&>(after),
                                        static_cast<const ActivityType*>(before));
    });
  };
  return rules;
}

Rules Records::ActivityPlanRules() {
  Rules rules =
      ConfigurationRules(EVENT_TYPE_ACTIVITY_PLAN_CREATED, EVENT_TYPE_ACTIVITY_PLAN_UPDATED,
                         EVENT_TYPE_ACTIVITY_PLAN_DELETED, {{"pipeline.activity", {"activity_plan_id"}, "activities"}});
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) {
    return WithScene(call, [&](const logic::Scene& scene) {
      return logic::PrepareActivityPlan(scene, static_cast<const ActivityPlan&>(after),
                                        static_cast<const ActivityPlan*>(before));
    });
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
