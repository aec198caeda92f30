#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "embudo/scoring/v1/criterion.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::scoring::logic {

/// A criterion, ready to be asked.
struct Rule {
  v1::Criterion criterion;
  filter::Filter filter;
};

/// Compiles a criterion. INVALID_ARGUMENT for a wrong filter; `field` is its path in the request.
absl::StatusOr<Rule> Compile(const v1::Criterion& criterion, std::string_view field = "criterion.filter");

/// A rule that holds, and what it adds: less than its own points where the limit of its group is reached.
struct Held {
  const Rule* rule;
  int points;
};

struct ManualScore {
  int score = 0;  ///< 0–100
  int stars = 0;  ///< 0–3
  std::vector<Held> held;
};

/// The manual score of a lead: the points of the rules that hold, each group kept within its limit, the sum within
/// 0–100. Disabled criteria count for nothing. The answer points into `rules`.
ManualScore ScoreOf(const std::vector<Rule>& rules, const type::v1::Lead& lead, Time now);

/// 0–25 → 0, 26–50 → 1, 51–75 → 2, 76–100 → 3.
int StarsOf(int score);

/// What a new tenant's score is made of.
std::vector<v1::Criterion> DefaultCriteria();

}  // namespace embudo::scoring::logic
