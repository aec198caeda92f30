#include "services/automation/logic/custom_fields.h"

#include <string_view>

#include "common/filter/event_filter.h"
#include "services/automation/logic/actions.h"
#include "services/automation/logic/rule.h"

namespace embudo::automation::logic {
namespace {

/// The key of a path like `custom_fields.region` or `previous.custom_fields.region`; empty for any other.
std::string_view KeyOf(std::string_view field) {
  constexpr std::string_view kBefore = "previous.";
  constexpr std::string_view kCustom = "custom_fields.";
  if (field.starts_with(kBefore)) field.remove_prefix(kBefore.size());
  return field.starts_with(kCustom) ? field.substr(kCustom.size()) : std::string_view();
}

class Collector {
 public:
  void Add(std::string_view field, const std::string& path) {
    const std::string_view key = KeyOf(field);
    if (!key.empty()) uses_.push_back({.path = path, .key = std::string(key)});
  }
  template <class Filter>
  void AddFilter(const absl::StatusOr<Filter>& filter, const std::string& path) {
    if (!filter.ok()) return;
    for (const std::string& field : filter->fields()) Add(field, path);
  }
  std::vector<CustomFieldUse> Take() { return std::move(uses_); }

 private:
  std::vector<CustomFieldUse> uses_;
};

}  // namespace

std::vector<CustomFieldUse> CustomFieldsOf(const v1::Rule& rule, const filter::Resolver& resolver) {
  Collector uses;
  const auto& updated = rule.trigger().lead_updated().fields();
  for (int i = 0; i < updated.size(); ++i) {
    uses.Add(updated[i], "rule.trigger.lead_updated.fields[" + std::to_string(i) + "]");
  }
  uses.Add(rule.trigger().date_reached().field(), "rule.trigger.date_reached.field");
  uses.AddFilter(filter::ChangeFilter::Compile(rule.condition(), LeadFields(), resolver), "rule.condition");
  ForEachAction(rule, [&](const v1::Action& action, const std::string& path, int) {
    for (const auto& [field, value] : action.update_fields().fields()) {
      uses.Add(field, "rule." + path + ".update_fields.fields[\"" + field + "\"]");
    }
    uses.AddFilter(filter::Filter::Compile(action.branch().condition(), LeadFields(), resolver),
                   "rule." + path + ".branch.condition");
    return absl::OkStatus();
  }).IgnoreError();
  return uses.Take();
}

}  // namespace embudo::automation::logic
