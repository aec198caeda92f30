// Plans of activities, launched on leads.

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "services/pipeline/logic/activity_rules.h"
#include "services/pipeline/rpc/activity_effects.h"
#include "services/pipeline/rpc/activity_service.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Activity;
using type::v1::ActivityPlan;
using type::v1::Lead;
using type::v1::PlanStep;

constexpr int kAttempts = 20;
// What one transaction, and one answer, hold easily.
constexpr int kMaxActivities = 10000;

/// What a launch writes and answers.
struct Launch {
  std::vector<resource::Change> activities;
  resource::Effects effects;
  v1::LaunchActivityPlanResponse response;
};

std::string FieldOfLead(int i) { return "leads[" + std::to_string(i) + "]"; }

bool HasStepOnDemand(const ActivityPlan& plan) {
  return std::any_of(plan.steps().begin(), plan.steps().end(),
                     [](const PlanStep& step) { return step.assignee_mode() == PlanStep::ASSIGNEE_MODE_ON_DEMAND; });
}

absl::Status Check(const logic::Scene& scene, const ActivityPlan& plan, const v1::LaunchActivityPlanRequest& request) {
  if (HasStepOnDemand(plan) && request.assignee().empty()) {
    return InvalidField("assignee", "is required: an activity of the plan goes to whom the launch names");
  }
  if (!request.assignee().empty()) {
    const auto user = scene.catalog.users.find(request.assignee());
    if (user == scene.catalog.users.end()) return InvalidField("assignee", "there is no " + request.assignee());
    if (user->second.disabled()) return InvalidField("assignee", request.assignee() + " is disabled");
  }
  if (request.leads_size() * plan.steps_size() > kMaxActivities) {
    return InvalidField("leads", "times the steps of the plan are more than " + std::to_string(kMaxActivities) +
                                     " activities; launch it in parts");
  }
  for (const PlanStep& step : plan.steps()) {
    const auto user = scene.catalog.users.find(step.assignee());
    if (step.assignee().empty() || (user != scene.catalog.users.end() && !user->second.disabled())) continue;
    const std::string text = step.assignee() + ", who gets an activity of the plan, is disabled";
    return Error(absl::StatusCode::kFailedPrecondition, "ASSIGNEE_DISABLED", text)
        .Meta("user", step.assignee())
        .Violation("ASSIGNEE", plan.name(), text);
  }
  return absl::OkStatus();
}

Activity ActivityOf(const logic::Scene& scene, const ActivityPlan& plan, const PlanStep& step, const Lead& lead,
                    Day date, const std::string& on_demand) {
  Activity activity;
  activity.set_name(lead.name() + "/activities/" + Uuid::V7(scene.now).ToString());
  activity.set_activity_plan(plan.name());
  activity.set_activity_type(step.activity_type());
  activity.set_summary(step.summary());
  activity.set_note(step.note());
  const auto* type = scene.catalog.FindActivityType(step.activity_type());
  if (activity.summary().empty() && type != nullptr && type->default_summary().empty()) {
    activity.set_summary(type->display_name());
  }
  if (step.assignee_mode() == PlanStep::ASSIGNEE_MODE_ON_DEMAND) {
    activity.set_assignee(on_demand);
  } else if (step.assignee_mode() == PlanStep::ASSIGNEE_MODE_FIXED) {
    activity.set_assignee(step.assignee());
  } else {
    activity.set_assignee(logic::DefaultAssignee(scene.catalog, nullptr, lead));
  }
  *activity.mutable_due_date() = ToDate(logic::AddDelay(date, step.delay_count(), step.delay_unit()));
  return activity;
}

// One line a user and lead, however many activities there are.
absl::Status Tell(Records& records, const CallContext& call, const ActivityPlan& plan, const Lead& lead,
                  const std::vector<Activity>& activities, resource::Effects& effects) {
  std::map<std::string, std::pair<int, std::string>> by_user;  // how many, and the first
  for (const Activity& activity : activities) {
    auto& [count, first] = by_user[activity.assignee()];
    if (++count == 1) first = activity.name();
  }
  for (const auto& [user, told] : by_user) {
    const std::string text = plan.display_name() + ", " + std::to_string(told.first) +
                             (told.first == 1 ? " activity: " : " activities: ") + lead.display_name();
    EMBUDO_RETURN_IF_ERROR(records.Notify(call, {user}, type::v1::Notification::KIND_ASSIGNMENT, lead.name(),
                                          told.second, text, &effects.also));
  }
  return absl::OkStatus();
}

absl::Status PlanOnLead(Records& records, const CallContext& call, const logic::Scene& scene, const ActivityPlan& plan,
                        const LeadState& state, Day date, const std::string& on_demand, Launch* launch) {
  const auto& lead = static_cast<const Lead&>(*state.lead.message);
  std::optional<Day> next = state.next;
  std::vector<Activity> planned;
  for (const PlanStep& step : plan.steps()) {
    auto activity = std::make_unique<Activity>(ActivityOf(scene, plan, step, lead, date, on_demand));
    EMBUDO_RETURN_IF_ERROR(logic::PrepareNewActivity(scene, lead, *activity));
    const Day day = FromDate(activity->due_date());
    next = next ? std::min(*next, day) : day;
    launch->activities.push_back(
        records.activities().NewPreparedChange(call, std::move(activity), v1::GetActivityRequest()));
    planned.push_back(static_cast<const Activity&>(*launch->activities.back().after.message));
    *launch->response.add_activities() = planned.back();
  }
  KeepLead(records, call, state, next, launch->effects);
  return Tell(records, call, plan, lead, planned, launch->effects);
}

// The leads in the order of the request, or what is wrong with one of them. Names of merged ones are followed.
absl::StatusOr<std::vector<LeadState>> ReadLeads(Records& records, const CallContext& call,
                                                 const v1::LaunchActivityPlanRequest& request) {
  std::vector<std::string> names(request.leads().begin(), request.leads().end());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto ids = ParseName(records.leads().table().pattern(), names[i], FieldOfLead(static_cast<int>(i)));
    if (!ids.ok()) return ids.status();
    if (!Uuid::Parse(ids->back())) return NotFound("embudo.dev/Lead", names[i]);
  }
  EMBUDO_ASSIGN_OR_RETURN(auto states, ReadLeadStates(records, call, names, {}));
  std::vector<LeadState> leads;
  for (int i = 0; i < request.leads_size(); ++i) {
    auto state = states.find(names[static_cast<size_t>(i)]);
    const bool given = state != states.end() && state->second.lead.message == nullptr;
    if (given) return InvalidField(FieldOfLead(i), "is given twice");
    const bool merged =
        state != states.end() && !static_cast<const Lead&>(*state->second.lead.message).merged_into().empty();
    if (merged) {
      EMBUDO_ASSIGN_OR_RETURN(const resource::Record into, records.leads().Load(call, request.leads(i)));
      const std::string name = resource::NameOf(*into.message);
      EMBUDO_ASSIGN_OR_RETURN(auto survivor, ReadLeadStates(records, call, {name}, {}));
      states.merge(survivor);
      state = states.find(name);
    }
    if (state == states.end()) return NotFound("embudo.dev/Lead", request.leads(i));
    if (state->second.lead.message == nullptr) return InvalidField(FieldOfLead(i), "is given twice");
    const auto& lead = static_cast<const Lead&>(*state->second.lead.message);
    if (lead.has_delete_time() || !records.MaySee(call, lead)) return NotFound("embudo.dev/Lead", request.leads(i));
    EMBUDO_RETURN_IF_ERROR(records.CheckMayEdit(call, lead));
    leads.push_back(std::move(state->second));
  }
  return leads;
}

absl::StatusOr<Launch> PlanLaunch(Records& records, const CallContext& call,
                                  const v1::LaunchActivityPlanRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.activity_plans().Load(call, request.name()));
  const auto& plan = static_cast<const ActivityPlan&>(*record.message);
  Launch launch;
  const absl::Status status = records.WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(Check(scene, plan, request));
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<LeadState> leads, ReadLeads(records, call, request));
    const Day date =
        request.has_date() ? FromDate(request.date()) : logic::TodayOf(scene.catalog, call.identity.actor, scene.now);
    for (const LeadState& lead : leads) {
      EMBUDO_RETURN_IF_ERROR(PlanOnLead(records, call, scene, plan, lead, date, request.assignee(), &launch));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return launch;
}

absl::Status Write(Records& records, const CallContext& call, const v1::LaunchActivityPlanRequest& request,
                   Launch* launch) {
  std::vector<resource::Change> changes = std::move(launch->activities);
  // Each table's changes stand together and are one statement.
  std::stable_sort(launch->effects.also.begin(), launch->effects.also.end(),
                   [](const auto& a, const auto& b) { return a.table->name() < b.table->name(); });
  for (resource::Change& change : launch->effects.also) changes.push_back(std::move(change));
  // The call's request_id goes with its first activity; its answer is the whole response.
  records.activities().FillRequest(call, request, &changes.front());
  changes.front().answer = std::make_shared<v1::LaunchActivityPlanResponse>(launch->response);
  return records.writer().WriteTogether(call.tenant(), changes, call.deadline, launch->effects.statements,
                                        &launch->response);
}

}  // namespace

absl::StatusOr<v1::LaunchActivityPlanResponse> LaunchActivityPlan(Records& records, const CallContext& call,
                                                                  const v1::LaunchActivityPlanRequest& request) {
  absl::StatusOr<Launch> launch = Launch();
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    launch = PlanLaunch(records, call, request);
    status = launch.status();
    if (!status.ok() || request.validate_only()) break;
    status = Write(records, call, request, &*launch);
    if (ReasonOf(status) != "VERSION_CHANGED") break;
  }
  v1::LaunchActivityPlanResponse response;
  if (status.ok()) response = std::move(launch->response);
  if (!status.ok()) {
    EMBUDO_RETURN_IF_ERROR(records.activities().FirstAnswerOr(call, request, status, response));
  }
  for (Activity& activity : *response.mutable_activities()) records.activities().Derive(call, activity);
  return response;
}

}  // namespace embudo::pipeline::rpc
