#include "services/pipeline/logic/lead_history.h"

#include <algorithm>
#include <set>
#include <string>

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Event;
using type::v1::Lead;

bool Changes(const Event& change, const std::string& path) {
  const auto& paths = change.changed_fields().paths();
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

google::protobuf::Duration ToDuration(Time::duration duration) {
  const int64_t micros = std::max<int64_t>(0, duration.count());
  google::protobuf::Duration result;
  result.set_seconds(micros / 1'000'000);
  result.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1'000));
  return result;
}

void Leave(Time time, const std::string& actor, v1::StageStay& stay) {
  *stay.mutable_leave_time() = ToTimestamp(time);
  stay.set_left_by(actor);
  *stay.mutable_duration() = ToDuration(time - FromTimestamp(stay.enter_time()));
}

v1::StageStay Enter(const std::string& stage, Time time, const std::string& actor) {
  v1::StageStay stay;
  stay.set_stage(stage);
  *stay.mutable_enter_time() = ToTimestamp(time);
  stay.set_entered_by(actor);
  return stay;
}

}  // namespace

void Undo(const Event& change, Lead& lead) {
  std::set<const FieldDescriptor*> fields;
  for (const std::string& path : change.changed_fields().paths()) {
    // Maps are told whole; their keys are in the paths.
    const auto* field = Lead::descriptor()->FindFieldByName(path.substr(0, path.find('.')));
    if (field != nullptr) fields.insert(field);
  }
  Lead before = change.previous().lead();
  for (const FieldDescriptor* field : fields) lead.GetReflection()->ClearField(&lead, field);
  lead.GetReflection()->SwapFields(&lead, &before, {fields.begin(), fields.end()});
}

std::vector<v1::StageStay> StaysOf(const Lead& lead, const std::vector<Event>& changes, Time now) {
  Lead first = lead;
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) Undo(*change, first);
  std::vector<v1::StageStay> stays;
  if (!first.stage().empty()) {
    stays.push_back(Enter(first.stage(), FromTimestamp(first.stage_enter_time()), lead.creator()));
  }
  for (const Event& change : changes) {
    if (!Changes(change, "stage")) continue;
    const Lead& after = change.data().lead();
    // An import may tell an earlier time than that of the call.
    Time time = FromTimestamp(change.time());
    if (Changes(change, "stage_enter_time") && after.has_stage_enter_time()) {
      time = FromTimestamp(after.stage_enter_time());
    }
    if (!stays.empty()) Leave(time, change.actor(), stays.back());
    if (!after.stage().empty()) stays.push_back(Enter(after.stage(), time, change.actor()));
  }
  if (stays.empty() || lead.stage().empty()) return stays;
  Time end = now;
  if (lead.has_close_time()) end = std::min(end, FromTimestamp(lead.close_time()));
  if (lead.has_delete_time()) end = std::min(end, FromTimestamp(lead.delete_time()));
  *stays.back().mutable_duration() = ToDuration(end - FromTimestamp(stays.back().enter_time()));
  return stays;
}

std::vector<v1::StageStay> WithEarlier(const std::vector<EarlierStay>& earlier, std::vector<v1::StageStay> stays) {
  std::vector<v1::StageStay> all;
  for (const EarlierStay& stay : earlier) {
    // What the lead's own history tells it knows better.
    if (!stays.empty() && stay.enter_time >= FromTimestamp(stays.front().enter_time())) break;
    if (!all.empty()) Leave(stay.enter_time, "", all.back());
    all.push_back(Enter(stay.stage, stay.enter_time, ""));
  }
  if (all.empty()) return stays;
  if (stays.empty()) return all;
  if (all.back().stage() == stays.front().stage()) {
    // The other system knows since when it has been in the stage in which it came here.
    v1::StageStay& first = stays.front();
    const Time end = FromTimestamp(first.enter_time()) + std::chrono::seconds(first.duration().seconds());
    *first.mutable_enter_time() = all.back().enter_time();
    *first.mutable_duration() = ToDuration(end - FromTimestamp(first.enter_time()));
    all.pop_back();
  } else {
    Leave(FromTimestamp(stays.front().enter_time()), "", all.back());
  }
  for (v1::StageStay& stay : stays) all.push_back(std::move(stay));
  return all;
}

bool Touches(const Event& change, const google::protobuf::RepeatedPtrField<std::string>& paths) {
  if (paths.empty()) return true;
  const auto& changed = change.changed_fields().paths();
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return std::any_of(changed.begin(), changed.end(),
                       [&](const std::string& one) { return one == path || one.starts_with(path + "."); });
  });
}

}  // namespace embudo::pipeline::logic
