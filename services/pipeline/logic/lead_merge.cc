#include "services/pipeline/logic/lead_merge.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "common/base/error.h"
#include "embudo/type/v1/options.pb.h"
#include "google/api/field_behavior.pb.h"

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Lead;

/// Fields that mean something together only: the first is looked at, all of them are taken.
const std::vector<std::vector<const char*>>& Groups() {
  static const auto* const groups = new std::vector<std::vector<const char*>>{
      {"budget", "converted_budget"},
      {"expected_revenue", "converted_expected_revenue"},
      {"recurring_revenue", "converted_recurring_revenue", "recurring_months"},
      {"owner", "assign_time"},
      {"priority", "priority_source"},
  };
  return *groups;
}

/// Fields that are not filled one by one: those of a group, of the lead's advance, and those with a rule of their own.
bool IsFilled(const FieldDescriptor* field) {
  static const auto* const others = new std::set<std::string>{
      "etag", "archived", "lead_status", "team", "probability", "manual_probability", "checklist", "description"};
  const auto& behaviors = field->options().GetRepeatedExtension(google::api::field_behavior);
  const bool own = std::any_of(behaviors.begin(), behaviors.end(), [](int behavior) {
    return behavior == google::api::OUTPUT_ONLY || behavior == google::api::IMMUTABLE ||
           behavior == google::api::IDENTIFIER;
  });
  if (own || others->contains(field->name())) return false;
  return std::none_of(Groups().begin(), Groups().end(), [&](const auto& group) {
    return std::find(group.begin(), group.end(), field->name()) != group.end();
  });
}

bool IsSet(const Lead& lead, const FieldDescriptor* field) { return lead.GetReflection()->HasField(lead, field); }

void CopyField(const Lead& from, const FieldDescriptor* field, Lead& to) {
  Lead copy = from;
  to.GetReflection()->ClearField(&to, field);
  to.GetReflection()->SwapFields(&to, &copy, {field});
}

void Unite(const google::protobuf::RepeatedPtrField<std::string>& from,
           google::protobuf::RepeatedPtrField<std::string>* to) {
  for (const std::string& item : from) {
    if (std::find(to->begin(), to->end(), item) == to->end()) *to->Add() = item;
  }
}

void UniteExternalIds(const Lead& from, Lead& to) {
  for (const auto& id : from.external_ids()) {
    const bool known = std::any_of(to.external_ids().begin(), to.external_ids().end(), [&](const auto& other) {
      return other.system() == id.system() && other.id() == id.id();
    });
    if (!known) *to.add_external_ids() = id;
  }
}

void JoinDescription(const Lead& from, Lead& to) {
  if (from.description().empty() || to.description().find(from.description()) != std::string::npos) return;
  to.set_description(to.description().empty() ? from.description() : to.description() + "\n\n" + from.description());
}

void FillFields(const Lead& from, Lead& to) {
  const auto* descriptor = Lead::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (!field->is_repeated() && IsFilled(field) && !IsSet(to, field) && IsSet(from, field)) CopyField(from, field, to);
  }
  for (const auto& group : Groups()) {
    const FieldDescriptor* first = descriptor->FindFieldByName(group[0]);
    if (IsSet(to, first) || !IsSet(from, first)) continue;
    for (const char* name : group) CopyField(from, descriptor->FindFieldByName(name), to);
  }
  for (const auto& [key, value] : from.custom_fields()) to.mutable_custom_fields()->insert({key, value});
}

/// A team is taken if its pipeline is the one that the deal is in.
void FillTeam(const Scene& scene, const Lead& from, Lead& to) {
  const auto team = scene.catalog.teams.find(from.team());
  if (!to.team().empty() || team == scene.catalog.teams.end()) return;
  if (to.kind() == Lead::KIND_OPPORTUNITY && team->second.pipeline() != to.pipeline()) return;
  to.set_team(from.team());
}

void TakeTimes(const Lead& from, Lead& to) {
  if (from.has_last_touch_time() && FromTimestamp(from.last_touch_time()) > FromTimestamp(to.last_touch_time())) {
    *to.mutable_last_touch_time() = from.last_touch_time();
  }
  const bool sooner =
      !to.has_next_activity_date() ||
      (from.has_next_activity_date() && FromDate(from.next_activity_date()) < FromDate(to.next_activity_date()));
  if (from.has_next_activity_date() && sooner) *to.mutable_next_activity_date() = from.next_activity_date();
}

}  // namespace

std::vector<const Lead*> ByAdvance(const Catalog& catalog, std::vector<const Lead*> leads) {
  const auto key = [&](const Lead& lead) {
    const int state = lead.state() == Lead::STATE_WON ? 0 : (lead.state() == Lead::STATE_OPEN ? 1 : 2);
    const auto& stages = catalog.StagesOf(lead.pipeline());
    const auto stage = std::find_if(stages.begin(), stages.end(),
                                    [&](const type::v1::Stage& one) { return one.name() == lead.stage(); });
    const auto place = stage == stages.end() ? -1 : stage - stages.begin();
    return std::tuple(state, lead.kind() == Lead::KIND_OPPORTUNITY ? 0 : 1, -place, -lead.probability(),
                      FromTimestamp(lead.create_time()), lead.name());
  };
  std::sort(leads.begin(), leads.end(), [&](const Lead* a, const Lead* b) { return key(*a) < key(*b); });
  return leads;
}

absl::Status CheckMergeable(const std::vector<const Lead*>& leads) {
  std::vector<const Lead*> won;
  std::vector<const Lead*> in_pipeline;
  for (const Lead* lead : leads) {
    if (lead->state() == Lead::STATE_WON) won.push_back(lead);
    if (lead->kind() == Lead::KIND_OPPORTUNITY) in_pipeline.push_back(lead);
  }
  if (won.size() > 1) {
    Error error(absl::StatusCode::kFailedPrecondition, "SEVERAL_WON", "more than one of the leads is won");
    for (const Lead* lead : won) error.Violation("STATE", lead->name(), "is won");
    return error;
  }
  for (const Lead* lead : in_pipeline) {
    if (lead->pipeline() == in_pipeline[0]->pipeline()) continue;
    Error error(absl::StatusCode::kFailedPrecondition, "DIFFERENT_PIPELINES", "the leads are in different pipelines");
    for (const Lead* each : in_pipeline) error.Violation("PIPELINE", each->name(), "is in " + each->pipeline());
    return error;
  }
  return absl::OkStatus();
}

void TakeAdvance(const Lead& most_advanced, Lead& survivor) {
  for (const char* name : {"kind", "state", "lead_status", "pipeline", "stage", "stage_enter_time", "probability",
                           "automated_probability", "manual_probability", "score", "lost_reason", "lost_note",
                           "close_time", "convert_time", "checklist", "unmet_criteria", "override_reason", "rank"}) {
    CopyField(most_advanced, Lead::descriptor()->FindFieldByName(name), survivor);
  }
}

void TakeIn(const Scene& scene, const std::vector<const Lead*>& others, Lead& survivor) {
  for (const Lead* other : others) {
    FillFields(*other, survivor);
    FillTeam(scene, *other, survivor);
    JoinDescription(*other, survivor);
    Unite(other->tags(), survivor.mutable_tags());
    Unite(other->products(), survivor.mutable_products());
    Unite(other->followers(), survivor.mutable_followers());
    Unite(other->collaborators(), survivor.mutable_collaborators());
    if (other->stage() == survivor.stage()) Unite(other->checklist(), survivor.mutable_checklist());
    UniteExternalIds(*other, survivor);
    TakeTimes(*other, survivor);
  }
}

}  // namespace embudo::pipeline::logic
