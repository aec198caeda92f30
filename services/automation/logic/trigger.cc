#include "services/automation/logic/trigger.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace embudo::automation::logic {
namespace {

using type::v1::Event;
using type::v1::Lead;
using v1::Trigger;

/// `custom_fields` has changed when one of its keys has.
bool Changed(const Event& event, std::string_view path) {
  const auto& paths = event.changed_fields().paths();
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& changed) {
    return changed.starts_with(path) && (changed.size() == path.size() || changed[path.size()] == '.');
  });
}

bool IsCreation(const Event& event) { return event.type() == "lead.created"; }

/// Whether the field came to have the value that the lead has now.
bool Became(const Event& event, std::string_view path) { return IsCreation(event) || Changed(event, path); }

bool IsUpdate(const Trigger::LeadUpdated& trigger, const Event& event) {
  if (trigger.fields().empty()) return event.type() == "lead.updated";
  return std::any_of(trigger.fields().begin(), trigger.fields().end(),
                     [&](const std::string& path) { return Changed(event, path); });
}

bool Is(const std::string& wanted, const std::string& name) {
  return !name.empty() && (wanted.empty() || wanted == name);
}

}  // namespace

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
    default:
      return false;
  }
  return false;
}

}  // namespace embudo::automation::logic
