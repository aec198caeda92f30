#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
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
  /// Asked of the event. Of triggers whose events don't bear the lead: of nothing, until the run begins.
  filter::ChangeFilter condition;
};

/// INVALID_ARGUMENT, reason INVALID_FILTER, if the condition does not compile.
absl::StatusOr<CompiledRule> Compile(v1::Rule rule, const filter::Resolver& resolver);

/// A rule that is to run for an event.
struct Match {
  const v1::Rule* rule;
  /// How many rules led here, with this one. Above kMaxDepth the chain is cut.
  int depth;
  /// What is due, of a rule that waits for a moment which the event has moved into the past.
  std::optional<Time> due;
};

/// The words under which a rule is found: one of them is among those of each event that may set it off. `entered ` and
/// the stage, `field ` and the field …
std::vector<std::string> TriggerWords(const v1::Trigger& trigger);

/// The enabled rules of a tenant, by what sets them off: what an event costs does not grow with the rules that wait for
/// something else. Immutable, thread-safe.
class RuleSet {
 public:
  struct Catalogue {
    /// Templates that stages send on entry, by stage.
    std::map<std::string, std::string> stage_templates;
    absl::TimeZone zone;
  };

  RuleSet(std::vector<CompiledRule> rules, Catalogue catalogue);

  /// The rules that the event sets off, in their order. `now` is what `older_than(…)` counts from. The set lives as
  /// long as the result.
  std::vector<Match> MatchEvent(const type::v1::Event& event, Time now) const;

  size_t size() const { return rules_.size(); }
  const Catalogue& catalogue() const { return catalogue_; }

 private:
  /// The places of the rules that may wait for the event, each once, in order.
  std::vector<size_t> Candidates(const type::v1::Event& event) const;
  bool Answers(const CompiledRule& compiled, const type::v1::Event& event, Time now) const;

  const std::vector<CompiledRule> rules_;
  const Catalogue catalogue_;
  std::unordered_map<std::string, std::vector<size_t>> places_;
};

/// Whether both do the same, whatever they are called and whether they are enabled: what rule_version counts.
bool DoSame(const v1::Rule& a, const v1::Rule& b);

}  // namespace embudo::automation::logic
