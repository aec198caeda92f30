#include "services/reporting/logic/stays.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace embudo::reporting::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Event;
using type::v1::Lead;

constexpr std::array<std::string_view, 5> kFields = {"stage", "stage_enter_time", "state", "close_time", "kind"};

bool Changes(const Event& event, std::string_view path) {
  const auto& paths = event.changed_fields().paths();
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

void End(Time time, Stay& stay) {
  if (!stay.enter_time) return;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time - *stay.enter_time).count();
  stay.seconds += std::max<int64_t>(0, seconds);
  ++stay.stays;
  stay.enter_time.reset();
}

/// The fields that stays are made of, from one lead to another.
void CopyFields(const Lead& from, const Event& change, Lead& to) {
  for (const std::string_view name : kFields) {
    if (!Changes(change, name)) continue;
    const FieldDescriptor* field = Lead::descriptor()->FindFieldByName(std::string(name));
    Lead copy = from;
    to.GetReflection()->ClearField(&to, field);
    to.GetReflection()->SwapFields(&to, &copy, {field});
  }
}

}  // namespace

bool ConcernsStages(const Event& event) {
  if (event.changed_fields().paths().empty()) return true;
  return std::any_of(kFields.begin(), kFields.end(), [&](std::string_view field) { return Changes(event, field); });
}

void Apply(const Event& event, const Lead& lead, Stays& stays) {
  const Time now = FromTimestamp(event.time());
  const bool first = stays.empty();
  // An import may tell an earlier time than that of the call.
  const bool told = first || Changes(event, "stage_enter_time") || event.changed_fields().paths().empty();
  const Time enter = told && lead.has_stage_enter_time() ? FromTimestamp(lead.stage_enter_time()) : now;
  for (auto& [stage, stay] : stays) {
    if (stage != lead.stage()) End(enter, stay);
  }
  if (lead.stage().empty()) return;
  const bool moved = first || Changes(event, "stage") || !stays.contains(lead.stage());
  if (moved) {
    for (auto& [stage, stay] : stays) {
      if (stage != lead.stage()) stay.later.insert(lead.stage());
    }
  }
  Stay& here = stays[lead.stage()];
  if (!here.enter_time && (moved || lead.state() == Lead::STATE_OPEN)) here.enter_time = enter;
  if (lead.state() != Lead::STATE_OPEN) End(lead.has_close_time() ? FromTimestamp(lead.close_time()) : now, here);
}

Stays StaysOf(const Lead& lead, const std::vector<Event>& changes) {
  Lead then;
  for (const std::string_view name : kFields) {
    const FieldDescriptor* field = Lead::descriptor()->FindFieldByName(std::string(name));
    Lead copy = lead;
    then.GetReflection()->SwapFields(&then, &copy, {field});
  }
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    CopyFields(change->previous().lead(), *change, then);
  }
  Stays stays;
  Event created;
  *created.mutable_time() = lead.create_time();
  Apply(created, then, stays);
  for (const Event& change : changes) {
    if (!ConcernsStages(change)) continue;
    CopyFields(change.data().lead(), change, then);
    Apply(change, then, stays);
  }
  return stays;
}

}  // namespace embudo::reporting::logic
