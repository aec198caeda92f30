#include "services/pipeline/logic/activity_rules.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/text/dates.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::Activity;
using type::v1::ActivityPlan;
using type::v1::ActivityType;
using type::v1::Lead;
using type::v1::PlanStep;

bool IsActive(const Catalog& catalog, const std::string& user) {
  const auto found = catalog.users.find(user);
  return found != catalog.users.end() && !found->second.disabled();
}

absl::Status CheckUser(const Catalog& catalog, const std::string& field, const std::string& user) {
  if (!catalog.users.contains(user)) return InvalidField(field, "there is no " + user);
  if (!IsActive(catalog, user)) return InvalidField(field, user + " is disabled");
  return absl::OkStatus();
}

// The catalogued type leads, its kind follows; where only the kind was given, the first type of that kind is taken.
absl::Status SettleType(const Catalog& catalog, const Activity* before, Activity& activity) {
  const bool named = before == nullptr
                         ? !activity.activity_type().empty()
                         : activity.activity_type() != before->activity_type() || activity.type() == before->type();
  if (activity.type() == Activity::TYPE_UNSPECIFIED) activity.set_type(Activity::TYPE_TODO);
  if (!named) {
    const ActivityType* first = catalog.FirstActivityType(activity.type());
    activity.set_activity_type(first == nullptr ? "" : first->name());
    return absl::OkStatus();
  }
  if (activity.activity_type().empty()) return absl::OkStatus();
  const ActivityType* type = catalog.FindActivityType(activity.activity_type());
  if (type == nullptr) return InvalidField("activity.activity_type", "there is no " + activity.activity_type());
  activity.set_type(type->type());
  return absl::OkStatus();
}

Day ProposedDay(const Scene& scene, const ActivityType& type, const std::string& assignee, const Day* previous) {
  const bool from_previous = type.delay_from() == ActivityType::DELAY_FROM_PREVIOUS_DUE_DATE && previous != nullptr;
  return AddDelay(from_previous ? *previous : TodayOf(scene.catalog, assignee, scene.now), type.delay_count(),
                  type.delay_unit());
}

// What the type gives where nothing is said.
absl::Status FillFromType(const Scene& scene, Activity& activity) {
  const ActivityType* type = scene.catalog.FindActivityType(activity.activity_type());
  if (type != nullptr) {
    if (activity.summary().empty()) activity.set_summary(type->default_summary());
    if (!activity.has_due_date()) {
      *activity.mutable_due_date() = ToDate(ProposedDay(scene, *type, activity.assignee(), nullptr));
    }
  }
  if (activity.summary().empty()) return InvalidField("activity.summary", "is required");
  if (!activity.has_due_date()) return InvalidField("activity.due_date", "is required");
  return absl::OkStatus();
}

absl::Status CheckPlanned(const Activity& activity) {
  if (activity.state() == Activity::STATE_PLANNED) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "ACTIVITY_NOT_PLANNED", activity.name() + " is not planned")
      .Meta("activity", activity.name())
      .Violation("STATE", activity.name(), "is done or cancelled already");
}

absl::Status CheckNoCycle(const Catalog& catalog, const ActivityType& type) {
  std::set<std::string> seen = {type.name()};
  for (std::string next = type.triggered_type(); !next.empty();) {
    if (!seen.insert(next).second) {
      return InvalidField("activity_type.triggered_type", "leads back to " + next + ", which would never end");
    }
    const ActivityType* found = catalog.FindActivityType(next);
    next = found == nullptr ? "" : found->triggered_type();
  }
  return absl::OkStatus();
}

absl::Status CheckStep(const Catalog& catalog, const PlanStep& step, const std::string& field) {
  if (catalog.FindActivityType(step.activity_type()) == nullptr) {
    return InvalidField(field + ".activity_type", "there is no " + step.activity_type());
  }
  if (step.assignee_mode() != PlanStep::ASSIGNEE_MODE_FIXED) {
    return step.assignee().empty() ? absl::OkStatus()
                                   : InvalidField(field + ".assignee", "goes with ASSIGNEE_MODE_FIXED only");
  }
  if (step.assignee().empty()) return InvalidField(field + ".assignee", "is required with ASSIGNEE_MODE_FIXED");
  return CheckUser(catalog, field + ".assignee", step.assignee());
}

}  // namespace

Day TodayOf(const Catalog& catalog, const std::string& user, Time now) {
  const auto found = catalog.users.find(user);
  const bool own = found != catalog.users.end() && !found->second.time_zone().empty();
  return text::DayIn(now, own ? found->second.time_zone() : catalog.tenant.time_zone());
}

Day AddDelay(Day from, int count, type::v1::DelayUnit unit) {
  if (unit == type::v1::DELAY_UNIT_WEEK) return from + std::chrono::weeks(count);
  if (unit != type::v1::DELAY_UNIT_MONTH) return from + std::chrono::days(count);
  const std::chrono::year_month_day day = std::chrono::year_month_day(from) + std::chrono::months(count);
  return day.ok() ? Day(day) : Day(day.year() / day.month() / std::chrono::last);
}

std::string DefaultAssignee(const Catalog& catalog, const ActivityType* type, const Lead& lead) {
  if (type != nullptr && IsActive(catalog, type->default_assignee())) return type->default_assignee();
  return IsActive(catalog, lead.owner()) ? lead.owner() : "";
}

absl::Status PrepareNewActivity(const Scene& scene, const Lead& lead, Activity& activity) {
  EMBUDO_RETURN_IF_ERROR(SettleType(scene.catalog, nullptr, activity));
  const ActivityType* type = scene.catalog.FindActivityType(activity.activity_type());
  if (activity.assignee().empty()) {
    activity.set_assignee(DefaultAssignee(scene.catalog, type, lead));
  } else {
    EMBUDO_RETURN_IF_ERROR(CheckUser(scene.catalog, "activity.assignee", activity.assignee()));
  }
  if (type != nullptr && activity.note().empty()) activity.set_note(type->default_note());
  activity.set_state(Activity::STATE_PLANNED);
  return FillFromType(scene, activity);
}

absl::Status PrepareChangedActivity(const Scene& scene, const Activity& before, Activity& activity) {
  EMBUDO_RETURN_IF_ERROR(SettleType(scene.catalog, &before, activity));
  if (!activity.assignee().empty() && activity.assignee() != before.assignee()) {
    EMBUDO_RETURN_IF_ERROR(CheckUser(scene.catalog, "activity.assignee", activity.assignee()));
  }
  return FillFromType(scene, activity);
}

absl::Status Complete(const Scene& scene, const std::string& feedback, Activity& activity) {
  EMBUDO_RETURN_IF_ERROR(CheckPlanned(activity));
  activity.set_state(Activity::STATE_DONE);
  activity.set_feedback(feedback);
  *activity.mutable_done_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

absl::Status Cancel(const Scene& scene, Activity& activity) {
  EMBUDO_RETURN_IF_ERROR(CheckPlanned(activity));
  activity.set_state(Activity::STATE_CANCELLED);
  *activity.mutable_done_time() = ToTimestamp(scene.now);
  return absl::OkStatus();
}

absl::Status Snooze(const Scene& scene, const google::type::Date* due_date, int days, Activity& activity) {
  if (due_date != nullptr && days != 0) return InvalidField("days", "due_date is given too");
  if (due_date == nullptr && days == 0) return InvalidField("due_date", "this or days is required");
  EMBUDO_RETURN_IF_ERROR(CheckPlanned(activity));
  const std::string field = due_date != nullptr ? "due_date" : "days";
  const Day today = TodayOf(scene.catalog, activity.assignee(), scene.now);
  const Day day = due_date != nullptr ? FromDate(*due_date) : today + std::chrono::days(days);
  if (day < today) return InvalidField(field, FormatDate(ToDate(day)) + " is over");
  if (day <= FromDate(activity.due_date())) {
    return InvalidField(
        field, FormatDate(ToDate(day)) + " is no later than " + FormatDate(activity.due_date()) + ", when it is due");
  }
  *activity.mutable_due_date() = ToDate(day);
  return absl::OkStatus();
}

std::optional<Activity> TriggeredBy(const Scene& scene, const Lead& lead, const Activity& done) {
  const ActivityType* type = scene.catalog.FindActivityType(done.activity_type());
  if (type == nullptr || type->triggered_type().empty()) return std::nullopt;
  const ActivityType* next_type = scene.catalog.FindActivityType(type->triggered_type());
  if (next_type == nullptr) return std::nullopt;
  Activity next;
  next.set_activity_type(next_type->name());
  next.set_assignee(DefaultAssignee(scene.catalog, next_type, lead));
  next.set_summary(next_type->default_summary().empty() ? next_type->display_name() : next_type->default_summary());
  const Day previous = FromDate(done.due_date());
  *next.mutable_due_date() = ToDate(ProposedDay(scene, *next_type, next.assignee(), &previous));
  // Nothing is left that could be refused.
  if (!PrepareNewActivity(scene, lead, next).ok()) return std::nullopt;
  return next;
}

Activity::DueState DueStateOf(const Catalog& catalog, Time now, const Activity& activity) {
  const std::optional<Day> day = PlannedDay(activity);
  if (!day) return Activity::DUE_STATE_UNSPECIFIED;
  const Day today = TodayOf(catalog, activity.assignee(), now);
  if (*day < today) return Activity::DUE_STATE_OVERDUE;
  return *day == today ? Activity::DUE_STATE_TODAY : Activity::DUE_STATE_PLANNED;
}

std::optional<Day> PlannedDay(const Activity& activity) {
  const bool planned = activity.state() == Activity::STATE_PLANNED && !activity.has_delete_time();
  return planned ? std::optional(FromDate(activity.due_date())) : std::nullopt;
}

absl::Status PrepareActivityType(const Scene& scene, ActivityType& type, const ActivityType* before) {
  if (type.has_delete_time()) return absl::OkStatus();
  if (type.type() == Activity::TYPE_UNSPECIFIED) type.set_type(Activity::TYPE_TODO);
  const Catalog& catalog = scene.catalog;
  if (!type.triggered_type().empty() && type.suggested_types_size() > 0) {
    return InvalidField("activity_type.suggested_types", "a type suggests others or triggers one, not both");
  }
  // A type may suggest itself: another call.
  for (const std::string& name : type.suggested_types()) {
    if (name != type.name() && catalog.FindActivityType(name) == nullptr) {
      return InvalidField("activity_type.suggested_types", "there is no " + name);
    }
  }
  const std::string& triggered = type.triggered_type();
  if (!triggered.empty() && triggered != type.name() && catalog.FindActivityType(triggered) == nullptr) {
    return InvalidField("activity_type.triggered_type", "there is no " + triggered);
  }
  EMBUDO_RETURN_IF_ERROR(CheckNoCycle(catalog, type));
  const bool kept = before != nullptr && before->default_assignee() == type.default_assignee();
  if (type.default_assignee().empty() || kept) return absl::OkStatus();
  return CheckUser(catalog, "activity_type.default_assignee", type.default_assignee());
}

absl::Status PrepareActivityPlan(const Scene& scene, const ActivityPlan& plan, const ActivityPlan* before) {
  for (int i = 0; i < plan.steps_size(); ++i) {
    // What was right when it was written stays, such as a user who has left since.
    const bool kept = before != nullptr && i < before->steps_size() &&
                      google::protobuf::util::MessageDifferencer::Equals(before->steps(i), plan.steps(i));
    if (kept) continue;
    EMBUDO_RETURN_IF_ERROR(CheckStep(scene.catalog, plan.steps(i), "activity_plan.steps[" + std::to_string(i) + "]"));
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::logic
