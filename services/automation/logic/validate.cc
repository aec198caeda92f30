#include "services/automation/logic/validate.h"

#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/resource_name.h"
#include "common/resource/table.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/api/resource.pb.h"
#include "services/automation/logic/actions.h"
#include "services/automation/logic/choose.h"
#include "services/automation/logic/cron.h"
#include "services/automation/logic/due.h"
#include "services/automation/logic/requests.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/trigger.h"

namespace embudo::automation::logic {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using v1::Action;
using v1::Rule;
using v1::Trigger;

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

absl::Status CheckSchedule(const Rule& rule) {
  EMBUDO_RETURN_IF_ERROR(Cron::Parse(rule.trigger().schedule().cron(), "rule.trigger.schedule.cron").status());
  if (!rule.condition().empty()) return absl::OkStatus();
  return InvalidField("rule.condition", "must say which leads, since a schedule runs over all that it matches");
}

absl::Status CheckTrigger(const Rule& rule) {
  const Trigger& trigger = rule.trigger();
  if (trigger.trigger_case() == Trigger::TRIGGER_NOT_SET) {
    return InvalidField("rule.trigger", "must say what sets the rule off");
  }
  if (trigger.has_lead_updated()) return CheckFields(trigger.lead_updated());
  if (trigger.has_schedule()) return CheckSchedule(rule);
  if (KindOf(trigger) == TriggerKind::kMoment) return CheckMoment(trigger, "rule.trigger");
  return absl::OkStatus();
}

absl::Status CheckWait(const Action::Wait& wait, const std::string& path) {
  if (wait.duration().seconds() < 1) return InvalidField(path + ".duration", "must be a second at least");
  if (wait.duration().seconds() > 3653LL * 86400) return InvalidField(path + ".duration", "must be ten years at most");
  return absl::OkStatus();
}

absl::Status CheckAction(const Action& action, const filter::Resolver& resolver, const std::string& path) {
  switch (action.action_case()) {
    case Action::ACTION_NOT_SET:
      return InvalidField(path, "must say what to do");
    case Action::kAssign:
      return CheckAssign(action.assign(), path + ".assign");
    case Action::kCreateActivity:
      if (!action.create_activity().summary().empty()) return absl::OkStatus();
      return InvalidField(path + ".create_activity.summary", "is required");
    case Action::kUpdateFields:
      return CheckUpdate(action.update_fields(), path + ".update_fields.fields");
    case Action::kAddTags:
      if (!action.add_tags().tags().empty()) return absl::OkStatus();
      return InvalidField(path + ".add_tags.tags", "must have at least one tag");
    case Action::kMoveStage:
      if (!action.move_stage().stage().empty()) return absl::OkStatus();
      return InvalidField(path + ".move_stage.stage", "is required");
    case Action::kNotify: {
      const Action::Notify& notify = action.notify();
      if (notify.text().empty()) return InvalidField(path + ".notify.text", "is required");
      if (!notify.users().empty() || notify.owner() || notify.manager() || notify.role() != 0) return absl::OkStatus();
      return InvalidField(path + ".notify", "must say whom");
    }
    case Action::kAddFollowers:
      if (!action.add_followers().users().empty() || action.add_followers().manager()) return absl::OkStatus();
      return InvalidField(path + ".add_followers", "must say whom");
    case Action::kCallWebhook:
      if (!action.call_webhook().webhook().empty()) return absl::OkStatus();
      return InvalidField(path + ".call_webhook.webhook", "is required");
    case Action::kWait:
      return CheckWait(action.wait(), path + ".wait");
    case Action::kBranch: {
      const std::string where = path + ".branch";
      if (action.branch().condition().empty()) return InvalidField(where + ".condition", "is required");
      if (action.branch().then().empty() && action.branch().else_().empty()) {
        return InvalidField(where, "must have something to do");
      }
      return filter::Filter::Compile(action.branch().condition(), LeadFields(), resolver, where + ".condition")
          .status();
    }
    default:
      return absl::OkStatus();
  }
}

absl::Status CheckActions(const Rule& rule, const filter::Resolver& resolver) {
  if (rule.actions().empty()) return InvalidField("rule.actions", "must have at least one action");
  int count = 0;
  return ForEachAction(rule, [&](const Action& action, const std::string& path, int depth) -> absl::Status {
    if (++count > kMaxActions) {
      return InvalidField("rule.actions",
                          "must be " + std::to_string(kMaxActions) + " at most, with those in branches");
    }
    if (depth > kMaxBranches) {
      return InvalidField("rule." + path, "stands in more than " + std::to_string(kMaxBranches) + " branches");
    }
    return CheckAction(action, resolver, "rule." + path);
  });
}

/// The references in the message's fields of text, by their annotations; not those in branches' actions.
void Collect(const Message& message, const std::string& path, std::vector<Reference>* references) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  const auto* reflection = message.GetReflection();
  for (const FieldDescriptor* field : fields) {
    const std::string where = path + "." + field->name();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) Collect(reflection->GetMessage(message, field), where, references);
      continue;
    }
    if (!field->options().HasExtension(google::api::resource_reference)) continue;
    const std::string& type = field->options().GetExtension(google::api::resource_reference).type();
    if (!field->is_repeated()) {
      references->push_back({where, reflection->GetString(message, field), type});
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      references->push_back(
          {where + "[" + std::to_string(i) + "]", reflection->GetRepeatedString(message, field, i), type});
    }
  }
}

}  // namespace

std::vector<Reference> ReferencesOf(const Rule& rule) {
  std::vector<Reference> references;
  Collect(rule.trigger(), "rule.trigger", &references);
  ForEachAction(rule, [&](const Action& action, const std::string& path, int) {
    Collect(action, "rule." + path, &references);
    return absl::OkStatus();
  }).IgnoreError();
  return references;
}

absl::Status Validate(const Rule& rule, const filter::Resolver& resolver) {
  EMBUDO_RETURN_IF_ERROR(CheckTrigger(rule));
  for (const Reference& reference : ReferencesOf(rule)) {
    const std::optional<std::string> pattern = resource::PatternOfType(reference.type);
    if (pattern) {
      EMBUDO_RETURN_IF_ERROR(ParseName(ResourcePattern(*pattern), reference.name, reference.path).status());
    }
  }
  EMBUDO_RETURN_IF_ERROR(Compile(rule, resolver).status());
  return CheckActions(rule, resolver);
}

}  // namespace embudo::automation::logic
