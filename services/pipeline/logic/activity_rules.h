#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/activity_type.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/type/date.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// The day that it is for a user: in the user's own time zone, else in the tenant's.
Day TodayOf(const Catalog& catalog, const std::string& user, Time now);
/// A day that many days, weeks or months later, or before where it is negative; a day that the month does not have is
/// its last.
Day AddDelay(Day from, int count, type::v1::DelayUnit unit);

/// The life of an activity as rules on values, as lead_rules.h has it of a lead.

/// Fills what a new activity on the lead leaves open (type, assignee, texts, due date) and checks it.
absl::Status PrepareNewActivity(const Scene& scene, const type::v1::Lead& lead, type::v1::Activity& activity);
/// Keeps the invariants over an update of fields.
absl::Status PrepareChangedActivity(const Scene& scene, const type::v1::Activity& before, type::v1::Activity& activity);

absl::Status Complete(const Scene& scene, const std::string& feedback, type::v1::Activity& activity);
absl::Status Cancel(const Scene& scene, type::v1::Activity& activity);
/// To `due_date` if it is set, else to `days` from today.
absl::Status Snooze(const Scene& scene, const google::type::Date* due_date, int days, type::v1::Activity& activity);
/// What is planned on the lead because `done` is done, prepared but for its name; nullopt if its type triggers nothing.
std::optional<type::v1::Activity> TriggeredBy(const Scene& scene, const type::v1::Lead& lead,
                                              const type::v1::Activity& done);

type::v1::Activity::DueState DueStateOf(const Catalog& catalog, Time now, const type::v1::Activity& activity);
/// The day by which it is to be done; nullopt if it is done, cancelled or deleted.
std::optional<Day> PlannedDay(const type::v1::Activity& activity);

/// The rules of the types and plans themselves. `before` is nullptr on creation.
absl::Status PrepareActivityType(const Scene& scene, type::v1::ActivityType& type,
                                 const type::v1::ActivityType* before);
absl::Status PrepareActivityPlan(const Scene& scene, const type::v1::ActivityPlan& plan,
                                 const type::v1::ActivityPlan* before);

/// Who gets an activity where nobody is named: the type's default, else the lead's owner; nobody who is disabled.
std::string DefaultAssignee(const Catalog& catalog, const type::v1::ActivityType* type, const type::v1::Lead& lead);

}  // namespace embudo::pipeline::logic
