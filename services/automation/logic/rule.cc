#include "services/automation/logic/rule.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/resource_name.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/automation/logic/requests.h"
#include "services/automation/logic/trigger.h"

namespace embudo::automation::logic {
namespace {

using v1::Action;
using v1::Rule;
using v1::Trigger;

/// A name of this pattern, or none.
absl::Status CheckName(std::string_view pattern, const std::string& name, const std::string& path) {
  if (name.empty()) return absl::OkStatus();
  return ParseName(ResourcePattern(pattern), name, path).status();
}
absl::Status CheckStage(const std::string& name, const std::string& path) {
  return CheckName("pipelines/{pipeline}/stages/{stage}", name, path);
}
absl::Status CheckUser(const std::string& name, const std::string& path) {
  return CheckName("users/{user}", name, path);
}

absl::Status CheckFields(const Trigger::LeadUpdated& trigger) {
  for (int i = 0; i < trigger.fields_size(); ++i) {
    const std::string& path = trigger.fields(i);
    const std::string top = path.substr(0, path.find('.'));
    const auto* field = type::v1::Lead::descriptor()->FindFieldByName(top);
    if (field == nullptr || (path != top && !field->is_map())) {
      return InvalidField("rule.trigger.lead_updated.fields[" + std::to_string(i) + "]",
                          "\"" + path + "\" is no field of a lead");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTrigger(const Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case Trigger::TRIGGER_NOT_SET:
      return InvalidField("rule.trigger", "must say what sets the rule off");
    case Trigger::kLeadUpdated:
      return CheckFields(trigger.lead_updated());
    case Trigger::kStageEntered:
      return CheckStage(trigger.stage_entered().stage(), "rule.trigger.stage_entered.stage");
    case Trigger::kStageLeft:
      return CheckStage(trigger.stage_left().stage(), "rule.trigger.stage_left.stage");
    case Trigger::kLeadAssigned:
      return CheckUser(trigger.lead_assigned().owner(), "rule.trigger.lead_assigned.owner");
    case Trigger::kLeadCreated:
    case Trigger::kLeadWon:
    case Trigger::kLeadLost:
      return absl::OkStatus();
    default:
      return InvalidField("rule.trigger", "is none that this version knows");
  }
}

absl::Status CheckAction(const Action& action, const std::string& path) {
  switch (action.action_case()) {
    case Action::ACTION_NOT_SET:
      return InvalidField(path, "must say what to do");
    case Action::kAssign:
      return CheckName("teams/{team}", action.assign().team(), path + ".assign.team");
    case Action::kCreateActivity:
      if (action.create_activity().summary().empty()) {
        return InvalidField(path + ".create_activity.summary", "is required");
      }
      return CheckUser(action.create_activity().assignee(), path + ".create_activity.assignee");
    case Action::kUpdateFields:
      return CheckUpdate(action.update_fields(), path + ".update_fields.fields");
    case Action::kSetPriority:
      return absl::OkStatus();
    default:
      return InvalidField(path, "is none that this version knows");
  }
  return absl::OkStatus();
}

}  // namespace

const filter::Schema& LeadFields() {
  static const auto* const schema = new filter::Schema(filter::Schema::InMemory(type::v1::Lead::descriptor()));
  return *schema;
}

absl::StatusOr<CompiledRule> Compile(Rule rule, const filter::Resolver& resolver) {
  EMBUDO_ASSIGN_OR_RETURN(filter::ChangeFilter condition,
                          filter::ChangeFilter::Compile(rule.condition(), LeadFields(), resolver, "rule.condition"));
  return CompiledRule{std::move(rule), std::move(condition)};
}

std::vector<Match> MatchEvent(const std::vector<CompiledRule>& rules, const type::v1::Event& event, Time now) {
  std::vector<Match> matches;
  const bool gone =
      event.type() == "lead.deleted" || event.type() == "lead.merged" || event.data().lead().has_delete_time();
  if (!event.data().has_lead() || gone) return matches;
  const type::v1::Lead* previous = event.has_previous() ? &event.previous().lead() : nullptr;
  for (const CompiledRule& compiled : rules) {
    const Rule& rule = compiled.rule;
    if (event.origin() == type::v1::ORIGIN_IMPORT && !rule.include_imports()) continue;
    if (event.cause().rule() == rule.name()) continue;
    if (!SetsOff(rule.trigger(), event)) continue;
    if (!compiled.condition.Matches(event.data().lead(), previous, event.changed_fields(), now)) continue;
    matches.push_back({&rule, event.cause().depth() + 1});
  }
  return matches;
}

absl::Status Validate(const Rule& rule, const filter::Resolver& resolver) {
  EMBUDO_RETURN_IF_ERROR(CheckTrigger(rule.trigger()));
  EMBUDO_RETURN_IF_ERROR(Compile(rule, resolver).status());
  if (rule.actions().empty()) return InvalidField("rule.actions", "must have at least one action");
  for (int i = 0; i < rule.actions_size(); ++i) {
    EMBUDO_RETURN_IF_ERROR(CheckAction(rule.actions(i), "rule.actions[" + std::to_string(i) + "]"));
  }
  return absl::OkStatus();
}

bool DoSame(const Rule& a, const Rule& b) {
  using google::protobuf::util::MessageDifferencer;
  return MessageDifferencer::Equals(a.trigger(), b.trigger()) && a.condition() == b.condition() &&
         a.include_imports() == b.include_imports() && a.actions_size() == b.actions_size() &&
         std::equal(a.actions().begin(), a.actions().end(), b.actions().begin(),
                    [](const Action& x, const Action& y) { return MessageDifferencer::Equals(x, y); });
}

}  // namespace embudo::automation::logic
