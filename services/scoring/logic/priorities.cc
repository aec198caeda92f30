#include "services/scoring/logic/priorities.h"

#include <algorithm>

#include "common/base/money.h"
#include "services/scoring/logic/wording.h"

namespace embudo::scoring::logic {
namespace {

using std::chrono::days;
using std::chrono::floor;
using type::v1::Lead;

// Points of urgency. Chance and score say what a lead is worth an hour; the others, that the hour is now.
constexpr double kOfChance = 0.5;
constexpr double kOfScore = 0.3;
constexpr double kOverdue = 25;
constexpr double kDueToday = 15;
constexpr double kDecisionNear = 15;
constexpr double kUntouched = 10;
constexpr double kNothingPlanned = 10;
constexpr double kStar = 3;
constexpr int kDecisionDays = 14;
constexpr int kUntouchedDays = 3;

struct Reason {
  double points;
  std::string text;
};

int64_t DaysFrom(const google::type::Date& date, Time now) {
  const std::chrono::year_month_day day{std::chrono::year(date.year()),
                                        std::chrono::month(static_cast<unsigned>(date.month())),
                                        std::chrono::day(static_cast<unsigned>(date.day()))};
  if (!day.ok()) return 0;
  return (std::chrono::sys_days(day) - floor<days>(now)).count();
}

std::string Days(int64_t count) { return std::to_string(count) + (count == 1 ? " day" : " days"); }

std::vector<Reason> ReasonsOf(const Lead& lead, Time now) {
  std::vector<Reason> reasons;
  reasons.push_back({kOfChance * lead.probability(), "chance of winning " + Fixed(lead.probability(), 1) + " %"});
  if (lead.score() > 0) reasons.push_back({kOfScore * lead.score(), "score " + std::to_string(lead.score())});
  if (lead.priority() > 0)
    reasons.push_back({kStar * lead.priority(), std::to_string(lead.priority()) + " of 3 stars"});
  if (lead.has_next_activity_date()) {
    const int64_t left = DaysFrom(lead.next_activity_date(), now);
    if (left < 0) reasons.push_back({kOverdue, "an activity is overdue by " + Days(-left)});
    if (left == 0) reasons.push_back({kDueToday, "an activity is due today"});
  } else {
    reasons.push_back({kNothingPlanned, "no activity is planned"});
  }
  if (lead.has_decision_date()) {
    const int64_t left = DaysFrom(lead.decision_date(), now);
    if (left >= 0 && left <= kDecisionDays) {
      reasons.push_back({kDecisionNear, left == 0 ? "they decide today" : "they decide in " + Days(left)});
    }
  }
  const auto& touched = lead.has_last_touch_time() ? lead.last_touch_time() : lead.create_time();
  const int64_t untouched = floor<days>(now - FromTimestamp(touched)).count();
  if (untouched >= kUntouchedDays) reasons.push_back({kUntouched, "untouched for " + Days(untouched)});
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const Reason& a, const Reason& b) { return a.points > b.points; });
  return reasons;
}

}  // namespace

std::vector<v1::PriorityLead> Prioritise(const std::vector<Lead>& leads, Time now) {
  std::vector<v1::PriorityLead> priorities;
  for (const Lead& lead : leads) {
    v1::PriorityLead& priority = priorities.emplace_back();
    priority.set_lead(lead.name());
    priority.set_display_name(lead.display_name());
    priority.set_probability(lead.probability());
    priority.set_score(lead.score());
    double urgency = 0;
    for (const Reason& reason : ReasonsOf(lead, now)) {
      urgency += reason.points;
      priority.add_reasons(reason.text);
    }
    priority.set_urgency(urgency);
  }
  std::stable_sort(priorities.begin(), priorities.end(),
                   [](const auto& a, const auto& b) { return a.urgency() > b.urgency(); });
  return priorities;
}

}  // namespace embudo::scoring::logic
