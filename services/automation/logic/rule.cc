#include "services/automation/logic/rule.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/automation/logic/due.h"
#include "services/automation/logic/trigger.h"

namespace embudo::automation::logic {
namespace {

using type::v1::Event;
using v1::Action;
using v1::Rule;
using v1::Trigger;

/// Calls `use` with the words of an event of a lead.
template <class Use>
void ForEachWord(const Event& event, const Use& use) {
  const type::v1::Lead& lead = event.data().lead();
  const bool created = event.type() == "lead.created";
  if (created) use("created");
  if (event.type() == "lead.updated") use("updated");
  const auto became = [&](const char* path) { return created || Changed(event, path); };
  if (became("stage")) {
    use("entered ");
    use("entered " + lead.stage());
  }
  if (Changed(event, "stage")) {
    use("left ");
    use("left " + event.previous().lead().stage());
  }
  if (became("state")) use(lead.state() == type::v1::Lead::STATE_WON ? "won" : "lost");
  if (became("owner")) {
    use("assigned ");
    use("assigned " + lead.owner());
  }
  if (became("score") || became("probability")) use("score");
  if (became("tags")) {
    use("tag ");
    for (const std::string& tag : lead.tags()) use("tag " + tag);
  }
  for (const std::string& path : event.changed_fields().paths()) {
    use("field " + path);
    use("moment " + path);
    const size_t dot = path.find('.');
    if (dot != std::string::npos) use("field " + path.substr(0, dot));
  }
}

/// The words that tell of moments of a new lead.
const std::vector<std::string>& MomentWords() {
  static const auto* const words = new std::vector<std::string>{
      "moment create_time", "moment stage_enter_time",    "moment last_touch_time", "moment next_activity_date",
      "moment close_time",  "moment expected_close_date", "moment decision_date"};
  return *words;
}

}  // namespace

const filter::Schema& LeadFields() {
  static const auto* const schema = new filter::Schema(filter::Schema::InMemory(type::v1::Lead::descriptor()));
  return *schema;
}

std::vector<std::string> TriggerWords(const Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case Trigger::kLeadCreated:
      return {"created"};
    case Trigger::kLeadUpdated: {
      if (trigger.lead_updated().fields().empty()) return {"updated"};
      std::vector<std::string> words;
      for (const std::string& field : trigger.lead_updated().fields()) words.push_back("field " + field);
      return words;
    }
    case Trigger::kStageEntered:
      return {"entered " + trigger.stage_entered().stage()};
    case Trigger::kStageLeft:
      return {"left " + trigger.stage_left().stage()};
    case Trigger::kLeadWon:
      return {"won"};
    case Trigger::kLeadLost:
      return {"lost"};
    case Trigger::kLeadAssigned:
      return {"assigned " + trigger.lead_assigned().owner()};
    case Trigger::kScoreCrossed:
      return {"score"};
    case Trigger::kTagAdded:
      return {"tag " + trigger.tag_added().tag()};
    case Trigger::kMessageReceived:
      return {"message.created"};
    case Trigger::kActivityDone:
      return {"activity.done"};
    case Trigger::kQuoteAccepted:
      return {"quote.accepted"};
    default: {
      std::vector<std::string> words;
      for (const std::string& field : WatchedFields(trigger)) words.push_back("moment " + field);
      return words;
    }
  }
}

absl::StatusOr<CompiledRule> Compile(Rule rule, const filter::Resolver& resolver) {
  if (KindOf(rule.trigger()) != TriggerKind::kLead) {
    // Without previous values and changes: what it is asked of is the lead alone.
    EMBUDO_RETURN_IF_ERROR(
        filter::Filter::Compile(rule.condition(), LeadFields(), resolver, "rule.condition").status());
    return CompiledRule{std::move(rule), filter::ChangeFilter()};
  }
  EMBUDO_ASSIGN_OR_RETURN(filter::ChangeFilter condition,
                          filter::ChangeFilter::Compile(rule.condition(), LeadFields(), resolver, "rule.condition"));
  return CompiledRule{std::move(rule), std::move(condition)};
}

RuleSet::RuleSet(std::vector<CompiledRule> rules, Catalogue catalogue)
    : rules_(std::move(rules)), catalogue_(std::move(catalogue)) {
  for (size_t i = 0; i < rules_.size(); ++i) {
    for (const std::string& word : TriggerWords(rules_[i].rule.trigger())) places_[word].push_back(i);
  }
}

std::vector<size_t> RuleSet::Candidates(const Event& event) const {
  std::vector<size_t> found;
  const auto use = [&](const std::string& word) {
    const auto places = places_.find(word);
    if (places != places_.end()) found.insert(found.end(), places->second.begin(), places->second.end());
  };
  if (event.data().has_lead()) {
    ForEachWord(event, use);
    if (event.type() == "lead.created") {
      for (const std::string& word : MomentWords()) use(word);
      for (const auto& [key, value] : event.data().lead().custom_fields()) use("moment custom_fields." + key);
    }
  } else {
    use(event.type());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

bool RuleSet::Answers(const CompiledRule& compiled, const Event& event, Time now) const {
  const Trigger& trigger = compiled.rule.trigger();
  if (!SetsOff(trigger, event)) return false;
  if (KindOf(trigger) != TriggerKind::kLead) return true;
  const type::v1::Lead& lead = event.data().lead();
  if (trigger.stage_entered().with_entry_template() && !catalogue_.stage_templates.contains(lead.stage())) return false;
  const type::v1::Lead* previous = event.has_previous() ? &event.previous().lead() : nullptr;
  return compiled.condition.Matches(lead, previous, event.changed_fields(), now);
}

std::vector<Match> RuleSet::MatchEvent(const Event& event, Time now) const {
  std::vector<Match> matches;
  if (rules_.empty() || event.type() == "lead.deleted" || event.type() == "lead.merged" ||
      event.data().lead().has_delete_time()) {
    return matches;
  }
  for (const size_t place : Candidates(event)) {
    const CompiledRule& compiled = rules_[place];
    const Rule& rule = compiled.rule;
    if (event.origin() == type::v1::ORIGIN_IMPORT && !rule.include_imports()) continue;
    if (event.cause().rule() == rule.name()) continue;
    const int depth = event.cause().depth() + 1;
    if (KindOf(rule.trigger()) == TriggerKind::kMoment) {
      const std::optional<Time> due = DueOf(rule.trigger(), event.data().lead(), catalogue_.zone);
      if (due && *due <= now) matches.push_back({&rule, depth, due});
    } else if (Answers(compiled, event, now)) {
      matches.push_back({&rule, depth, std::nullopt});
    }
  }
  return matches;
}

bool DoSame(const Rule& a, const Rule& b) {
  using google::protobuf::util::MessageDifferencer;
  return MessageDifferencer::Equals(a.trigger(), b.trigger()) && a.condition() == b.condition() &&
         a.include_imports() == b.include_imports() && a.actions_size() == b.actions_size() &&
         std::equal(a.actions().begin(), a.actions().end(), b.actions().begin(),
                    [](const Action& x, const Action& y) { return MessageDifferencer::Equals(x, y); });
}

}  // namespace embudo::automation::logic
