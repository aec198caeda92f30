#include "services/scoring/logic/manual_score.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/error.h"

namespace embudo::scoring::logic {
namespace {

struct Group {
  int limit = 0;
  int points = 0;
};

/// What is left of a criterion's points after the days in which nobody touched the lead.
int PointsOf(const v1::Criterion& criterion, const type::v1::Lead& lead, Time now) {
  if (criterion.half_life_days() <= 0) return criterion.points();
  const auto& touched = lead.has_last_touch_time() ? lead.last_touch_time() : lead.create_time();
  const auto days = std::chrono::floor<std::chrono::days>(now - FromTimestamp(touched)).count();
  const double halvings = static_cast<double>(std::max<int64_t>(days, 0)) / criterion.half_life_days();
  return static_cast<int>(std::lround(criterion.points() * std::exp2(-halvings)));
}

}  // namespace

absl::StatusOr<Rule> Compile(const v1::Criterion& criterion, std::string_view field) {
  static const auto* const kSchema = new filter::Schema(filter::Schema::InMemory(type::v1::Lead::descriptor()));
  EMBUDO_ASSIGN_OR_RETURN(filter::Filter compiled, filter::Filter::Compile(criterion.filter(), *kSchema, {}, field));
  return Rule{criterion, std::move(compiled)};
}

ManualScore ScoreOf(const std::vector<Rule>& rules, const type::v1::Lead& lead, Time now) {
  std::map<std::string, Group> groups;
  for (const Rule& rule : rules) {
    const v1::Criterion& criterion = rule.criterion;
    if (criterion.disabled() || criterion.group_key().empty() || criterion.group_limit() == 0) continue;
    int& limit = groups[criterion.group_key()].limit;
    limit = limit == 0 ? criterion.group_limit() : std::min(limit, criterion.group_limit());
  }

  ManualScore result;
  int sum = 0;
  for (const Rule& rule : rules) {
    if (rule.criterion.disabled() || !rule.filter.Matches(lead, now)) continue;
    int points = PointsOf(rule.criterion, lead, now);
    if (const auto group = groups.find(rule.criterion.group_key()); group != groups.end()) {
      const auto& [limit, before] = group->second;
      points = std::clamp(before + points, -limit, limit) - before;
      group->second.points += points;
    }
    sum += points;
    result.held.push_back({&rule, points});
  }
  result.score = std::clamp(sum, 0, 100);
  result.stars = StarsOf(result.score);
  return result;
}

int StarsOf(int score) {
  if (score <= 25) return 0;
  if (score <= 50) return 1;
  return score <= 75 ? 2 : 3;
}

}  // namespace embudo::scoring::logic
