#include "services/automation/logic/trigger.h"

#include <algorithm>
#include <string_view>

namespace embudo::automation::logic {
namespace {

using type::v1::Event;
using type::v1::Lead;
using type::v1::Message;
using v1::Trigger;

bool IsCreation(const Event& event) { return event.type() == "lead.created"; }

bool IsUpdate(const Trigger::LeadUpdated& trigger, const Event& event) {
  if (trigger.fields().empty()) return event.type() == "lead.updated";
  return std::any_of(trigger.fields().begin(), trigger.fields().end(),
                     [&](const std::string& path) { return Changed(event, path); });
}

bool Is(const std::string& wanted, const std::string& name) {
  return !name.empty() && (wanted.empty() || wanted == name);
}

bool HasCrossed(const Trigger::ScoreCrossed& trigger, const Event& event) {
  const bool probability = trigger.measure() == Trigger::ScoreCrossed::MEASURE_PROBABILITY;
  if (!Became(event, probability ? "probability" : "score")) return false;
  const auto value = [&](const Lead& lead) { return probability ? lead.probability() : lead.score(); };
  // A lead that is not there yet is below every threshold.
  const bool before = !IsCreation(event) && value(event.previous().lead()) >= trigger.threshold();
  const bool after = value(event.data().lead()) >= trigger.threshold();
  if (trigger.direction() == Trigger::ScoreCrossed::DIRECTION_DOWN) return before && !after;
  return !before && after;
}

bool HasTagAdded(const Trigger::TagAdded& trigger, const Event& event) {
  if (!Became(event, "tags")) return false;
  const auto& before = event.previous().lead().tags();
  const auto& after = event.data().lead().tags();
  return std::any_of(after.begin(), after.end(), [&](const std::string& tag) {
    return (trigger.tag().empty() || tag == trigger.tag()) &&
           std::find(before.begin(), before.end(), tag) == before.end();
  });
}

bool IsReceived(const Trigger::MessageReceived& trigger, const Event& event) {
  if (event.type() != "message.created") return false;
  const Message& message = event.data().message();
  if (message.auto_generated()) return false;
  if (trigger.types().empty()) return message.type() == Message::TYPE_EMAIL_IN;
  return std::find(trigger.types().begin(), trigger.types().end(), message.type()) != trigger.types().end();
}

bool IsDone(const Trigger::ActivityDone& trigger, const Event& event) {
  if (event.type() != "activity.done") return false;
  const type::v1::Activity& activity = event.data().activity();
  return (trigger.type() == type::v1::Activity::TYPE_UNSPECIFIED || trigger.type() == activity.type()) &&
         (trigger.activity_type().empty() || trigger.activity_type() == activity.activity_type());
}

}  // namespace

TriggerKind KindOf(const Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case Trigger::kMessageReceived:
    case Trigger::kActivityDone:
    case Trigger::kQuoteAccepted:
      return TriggerKind::kRecord;
    case Trigger::kActivityOverdue:
    case Trigger::kDateReached:
    case Trigger::kStageOverstayed:
    case Trigger::kUntouched:
      return TriggerKind::kMoment;
    case Trigger::kSchedule:
      return TriggerKind::kSchedule;
    case Trigger::kWebhookReceived:
      return TriggerKind::kCall;
    default:
      return TriggerKind::kLead;
  }
}

bool Changed(const Event& event, std::string_view path) {
  // `custom_fields` has changed when one of its keys has.
  const auto& paths = event.changed_fields().paths();
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& changed) {
    return changed.starts_with(path) && (changed.size() == path.size() || changed[path.size()] == '.');
  });
}

bool Became(const Event& event, std::string_view path) { return IsCreation(event) || Changed(event, path); }

std::string LeadOf(const Event& event) {
  switch (event.data().resource_case()) {
    case type::v1::Resource::kLead:
      return event.data().lead().name();
    case type::v1::Resource::kQuote:
      return event.data().quote().lead();
    case type::v1::Resource::kMessage:
    case type::v1::Resource::kActivity: {
      const std::string& name = event.subject();  // leads/{lead}/messages/{message}
      return name.substr(0, name.find('/', name.find('/') + 1));
    }
    default:
      return "";
  }
}

bool SetsOff(const Trigger& trigger, const Event& event) {
  const Lead& lead = event.data().lead();
  switch (trigger.trigger_case()) {
    case Trigger::kLeadCreated:
      return IsCreation(event);
    case Trigger::kLeadUpdated:
      return IsUpdate(trigger.lead_updated(), event);
    case Trigger::kStageEntered:
      return Became(event, "stage") && Is(trigger.stage_entered().stage(), lead.stage());
    case Trigger::kStageLeft:
      return Changed(event, "stage") && Is(trigger.stage_left().stage(), event.previous().lead().stage());
    case Trigger::kLeadWon:
      return Became(event, "state") && lead.state() == Lead::STATE_WON;
    case Trigger::kLeadLost:
      return Became(event, "state") && lead.state() == Lead::STATE_LOST;
    case Trigger::kLeadAssigned:
      return Became(event, "owner") && Is(trigger.lead_assigned().owner(), lead.owner());
    case Trigger::kScoreCrossed:
      return HasCrossed(trigger.score_crossed(), event);
    case Trigger::kTagAdded:
      return HasTagAdded(trigger.tag_added(), event);
    case Trigger::kMessageReceived:
      return IsReceived(trigger.message_received(), event);
    case Trigger::kActivityDone:
      return IsDone(trigger.activity_done(), event);
    case Trigger::kQuoteAccepted:
      return event.type() == "quote.accepted";
    default:
      return false;
  }
}

}  // namespace embudo::automation::logic
