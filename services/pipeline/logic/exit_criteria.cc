#include "services/pipeline/logic/exit_criteria.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/filter/filter.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::ExitCriterion;
using type::v1::Lead;
using type::v1::Stage;

struct Unmet {
  std::string type;
  std::string subject;
  std::string description;
};

bool IsSet(const Lead& lead, const std::string& path) {
  const auto* field = Lead::descriptor()->FindFieldByName(path);
  if (field == nullptr) return false;
  const auto* reflection = lead.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(lead, field) > 0 : reflection->HasField(lead, field);
}

bool Holds(const Scene& scene, const Lead& lead, const ExitCriterion& criterion, const filter::Schema& schema) {
  switch (criterion.check_case()) {
    case ExitCriterion::kFilter: {
      const auto filter = filter::Filter::Compile(criterion.filter(), schema);
      // A filter that no longer compiles (its field is gone) must not let a lead pass unseen.
      return filter.ok() && filter->Matches(lead, scene.now);
    }
    case ExitCriterion::kMinStayDays:
      return scene.now - FromTimestamp(lead.stage_enter_time()) >= std::chrono::days(criterion.min_stay_days());
    default:
      return std::find(lead.checklist().begin(), lead.checklist().end(), criterion.key()) != lead.checklist().end();
  }
}

void Collect(const Scene& scene, const Lead& lead, const Stage& stage, const filter::Schema& schema,
             std::vector<Unmet>* unmet) {
  for (const ExitCriterion& criterion : stage.exit_criteria()) {
    if (criterion.mode() == ExitCriterion::MODE_ADVISORY || Holds(scene, lead, criterion, schema)) continue;
    unmet->push_back({"EXIT_CRITERION", stage.name() + "#" + criterion.key(),
                      stage.display_name() + ": " + criterion.display_name()});
  }
  for (const std::string& path : stage.required_fields()) {
    if (!IsSet(lead, path))
      unmet->push_back({"REQUIRED_FIELD", path, stage.display_name() + ": " + path + " is not set"});
  }
}

absl::Status ErrorOf(const Lead& lead, const std::vector<Unmet>& unmet) {
  if (unmet.empty()) return absl::OkStatus();
  std::string message = lead.name() + " can't leave its stage: ";
  for (size_t i = 0; i < unmet.size(); ++i) message += (i > 0 ? "; " : "") + unmet[i].description;
  Error error(absl::StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET", message);
  error.Meta("lead", lead.name()).Meta("stage", lead.stage());
  for (const Unmet& one : unmet) error.Violation(one.type, one.subject, one.description);
  return error;
}

absl::Status Forbidden(const std::string& reason, const Lead& lead, const std::string& text) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, text).Violation(reason, lead.pipeline(), text);
}

}  // namespace

absl::Status CheckLeaving(const Scene& scene, const Lead& lead, const filter::Schema& schema) {
  std::vector<Unmet> unmet;
  if (const Stage* stage = scene.catalog.FindStage(lead.stage())) Collect(scene, lead, *stage, schema, &unmet);
  return ErrorOf(lead, unmet);
}

absl::Status CheckMove(const Scene& scene, const Lead& lead, const Stage& to, bool override,
                       const filter::Schema& schema) {
  const std::vector<Stage>& stages = scene.catalog.StagesOf(lead.pipeline());
  const auto index = [&](const std::string& name) {
    return std::find_if(stages.begin(), stages.end(), [&](const Stage& stage) { return stage.name() == name; }) -
           stages.begin();
  };
  const auto pipeline = scene.catalog.pipelines.find(lead.pipeline());
  const auto from_index = index(lead.stage());
  const auto to_index = index(to.name());
  if (to_index < from_index) {
    const bool forbidden = pipeline != scene.catalog.pipelines.end() && pipeline->second.no_going_back();
    return forbidden ? Forbidden("GOING_BACK_FORBIDDEN", lead, "this pipeline does not go back") : absl::OkStatus();
  }
  if (to_index > from_index + 1 && pipeline != scene.catalog.pipelines.end() && pipeline->second.no_skipping()) {
    return Forbidden("SKIPPING_FORBIDDEN", lead, "this pipeline does not skip stages");
  }
  if (override) return absl::OkStatus();
  std::vector<Unmet> unmet;
  for (auto i = from_index; i < to_index; ++i) Collect(scene, lead, stages[static_cast<size_t>(i)], schema, &unmet);
  return ErrorOf(lead, unmet);
}

}  // namespace embudo::pipeline::logic
