#include "services/automation/logic/loops.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "services/automation/logic/actions.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/trigger.h"

namespace embudo::automation::logic {
namespace {

using v1::Action;
using v1::Rule;

/// Chains longer than this are cut anyway.
constexpr size_t kLongestChain = kMaxDepth;

void AddField(std::set<std::string>& words, const std::string& field) {
  words.insert("field " + field);
  words.insert("field " + field.substr(0, field.find('.')));
  words.insert("updated");
}

/// What may come of the action, in the words of triggers.
void AddEffects(const Action& action, std::set<std::string>& words) {
  switch (action.action_case()) {
    case Action::kAssign:
      words.insert({"assigned ", "assigned *", "field owner", "field team"});
      break;
    case Action::kUpdateFields:
      for (const auto& [field, value] : action.update_fields().fields()) AddField(words, field);
      break;
    case Action::kSetPriority:
      AddField(words, "priority");
      break;
    case Action::kAddTags:
      AddField(words, "tags");
      words.insert("tag ");
      for (const std::string& tag : action.add_tags().tags()) words.insert("tag " + tag);
      break;
    case Action::kMoveStage:
      words.insert({"entered ", "entered " + action.move_stage().stage(), "left ", "left *", "field stage"});
      break;
    case Action::kAddFollowers:
      AddField(words, "followers");
      break;
    default:
      break;
  }
}

std::set<std::string> EffectsOf(const Rule& rule) {
  std::set<std::string> words;
  ForEachAction(rule, [&](const Action& action, const std::string&, int) {
    AddEffects(action, words);
    return absl::OkStatus();
  }).IgnoreError();
  return words;
}

/// Whether what `effects` tells of may set the rule off.
bool MaySetOff(const std::set<std::string>& effects, const Rule& rule) {
  if (KindOf(rule.trigger()) != TriggerKind::kLead) return false;
  const std::vector<std::string> words = TriggerWords(rule.trigger());
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return effects.contains(word) || effects.contains(word.substr(0, word.find(' ')) + " *");
  });
}

/// A way from `from` back to `to`, as the rules on it; empty if there is none.
std::vector<const Rule*> WayBack(const Rule& from, const Rule& to, const std::vector<Rule>& others,
                                 std::set<const Rule*>& seen, size_t length) {
  const std::set<std::string> effects = EffectsOf(from);
  if (&from != &to && MaySetOff(effects, to)) return {&from};
  if (length >= kLongestChain) return {};
  for (const Rule& other : others) {
    if (!MaySetOff(effects, other) || !seen.insert(&other).second) continue;
    std::vector<const Rule*> way = WayBack(other, to, others, seen, length + 1);
    if (way.empty()) continue;
    way.insert(way.begin(), &from);
    return way;
  }
  return {};
}

}  // namespace

std::vector<std::string> WarningsOf(const Rule& rule, const std::vector<Rule>& others) {
  std::vector<std::string> warnings;
  std::vector<Rule> enabled;
  for (const Rule& other : others) {
    if (other.enabled() && other.name() != rule.name()) enabled.push_back(other);
  }
  std::set<const Rule*> seen;
  const std::vector<const Rule*> way = WayBack(rule, rule, enabled, seen, 1);
  if (!way.empty()) {
    std::string text = "the rule may set itself off: it sets off";
    for (size_t i = 1; i < way.size(); ++i) text += (i == 1 ? " " : ", which sets off ") + way[i]->name();
    warnings.push_back(text + ", which sets it off; such a chain is cut after " + std::to_string(kMaxDepth));
  }
  const bool any_change = rule.trigger().has_lead_updated() && rule.trigger().lead_updated().fields().empty();
  if (any_change && rule.condition().empty()) warnings.emplace_back("the rule answers every change of every lead");
  return warnings;
}

absl::Status CheckOwnLoop(const Rule& rule) {
  const auto& fields = rule.trigger().lead_updated().fields();
  if (!rule.condition().empty() || fields.empty()) return absl::OkStatus();
  std::set<std::string> set;
  for (const Action& action : rule.actions()) {
    for (const auto& [field, value] : action.update_fields().fields()) set.insert(field);
  }
  const bool all =
      std::all_of(fields.begin(), fields.end(), [&](const std::string& field) { return set.contains(field); });
  if (!all) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "RULE_LOOP",
               "the rule always sets the fields that it waits for: it would answer itself")
      .Violation("LOOP", rule.name(), "sets the fields that it waits for, under no condition");
}

}  // namespace embudo::automation::logic
