#include "services/pipeline/logic/import_undo.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "common/resource/change.h"
#include "common/resource/table.h"

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Where a lead stands.
constexpr auto kPlace = std::to_array<std::string_view>({"kind", "lead_status", "state", "stage", "pipeline",
                                                         "stage_enter_time", "close_time", "lost_reason", "lost_note",
                                                         "convert_time", "unmet_criteria", "override_reason"});
/// What follows from other fields, or that services write.
constexpr auto kDerived = std::to_array<std::string_view>(
    {"probability", "automated_probability", "score", "rank", "last_touch_time", "next_activity_date", "assign_time",
     "office", "priority_source", "converted_budget", "converted_expected_revenue", "converted_recurring_revenue",
     "purge_time", "followers", "mentions"});

template <size_t n>
bool Contains(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string TopOf(const std::string& path) { return path.substr(0, path.find('.')); }

/// The entry of a map by its key; -1 if there is none.
int EntryOf(const Message& record, const FieldDescriptor* map, const std::string& key) {
  const auto* reflection = record.GetReflection();
  for (int i = 0; i < reflection->FieldSize(record, map); ++i) {
    if (resource::GetText(reflection->GetRepeatedMessage(record, map, i), "key") == key) return i;
  }
  return -1;
}

void RestoreEntry(const Message& before, const FieldDescriptor* map, const std::string& key, Message& record) {
  const auto* reflection = record.GetReflection();
  const int now = EntryOf(record, map, key);
  const int then = EntryOf(before, map, key);
  if (now >= 0) {
    reflection->SwapElements(&record, map, now, reflection->FieldSize(record, map) - 1);
    reflection->RemoveLast(&record, map);
  }
  if (then < 0) return;
  reflection->AddMessage(&record, map)->CopyFrom(before.GetReflection()->GetRepeatedMessage(before, map, then));
}

void Restore(const Message& before, const std::string& path, Message& record) {
  const std::string top = TopOf(path);
  const FieldDescriptor* field = record.GetDescriptor()->FindFieldByName(top);
  if (field == nullptr) return;
  if (field->is_map()) return RestoreEntry(before, field, path.substr(std::min(top.size() + 1, path.size())), record);
  std::unique_ptr<Message> copy(before.New());
  copy->CopyFrom(before);
  record.GetReflection()->ClearField(&record, field);
  record.GetReflection()->SwapFields(&record, copy.get(), {field});
}

/// The paths among `paths` whose values differ.
std::set<std::string> Differing(const Message& a, const Message& b, const std::vector<std::string>& paths) {
  const std::vector<std::string> all = resource::ChangedFields(a, b);
  std::set<std::string> differing;
  for (const std::string& path : paths) {
    if (std::find(all.begin(), all.end(), path) != all.end()) differing.insert(path);
  }
  return differing;
}

}  // namespace

std::vector<std::string> TakeBack(const ImportedFields& imported, Message& record) {
  const std::set<std::string> changed = Differing(*imported.after, record, imported.paths);
  const bool moved =
      std::any_of(changed.begin(), changed.end(), [](const std::string& path) { return Contains(kPlace, path); });
  std::vector<std::string> kept;
  for (const std::string& path : imported.paths) {
    const bool place = Contains(kPlace, TopOf(path));
    if (place ? moved : changed.contains(path)) {
      if (!Contains(kDerived, TopOf(path))) kept.push_back(path);
    } else {
      Restore(*imported.before, path, record);
    }
  }
  return kept;
}

}  // namespace embudo::pipeline::logic
