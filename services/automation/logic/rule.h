#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/filter/event_filter.h"
#include "common/filter/filter.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::automation::logic {

/// Most rules that may lead to each other, one after the other.
inline constexpr int kMaxDepth = 8;

/// The fields of a lead that conditions and assignment filters may name.
const filter::Schema& LeadFields();

/// A rule that is ready to be asked.
struct CompiledRule {
  v1::Rule rule;
  filter::ChangeFilter condition;
};

/// INVALID_ARGUMENT, reason INVALID_FILTER, if the condition does not compile.
absl::StatusOr<CompiledRule> Compile(v1::Rule rule, const filter::Resolver& resolver);

/// A rule that is to run for an event.
struct Match {
  const v1::Rule* rule;
  /// How many rules led here, with this one. Above kMaxDepth the chain is cut.
  int depth;
};

/// The rules that the event sets off, in their order. `now` is what `older_than(…)` counts from. The rules live as long
/// as the result.
std::vector<Match> MatchEvent(const std::vector<CompiledRule>& rules, const type::v1::Event& event, Time now);

/// INVALID_ARGUMENT for a rule that could never run: fields by their path in the request (`rule.trigger`,
/// `rule.actions[0].assign.team`), the condition by position.
absl::Status Validate(const v1::Rule& rule, const filter::Resolver& resolver);

/// Whether both do the same, whatever they are called and whether they are enabled: what rule_version counts.
bool DoSame(const v1::Rule& a, const v1::Rule& b);

}  // namespace embudo::automation::logic
