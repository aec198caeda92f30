#include "services/pipeline/logic/exit_criteria.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/filter/filter.h"

namespace embudo::pipeline::logic {
namespace {

using type::v1::ExitCriterion;
using type::v1::Lead;
using type::v1::Stage;

constexpr std::string_view kCustomPrefix = "custom_fields.";

struct Unmet {
  std::string type;
  std::string subject;
  std::string description;
  bool required = true;
};

bool IsSet(const Lead& lead, const std::string& path) {
  if (path.starts_with(kCustomPrefix)) return lead.custom_fields().contains(path.substr(kCustomPrefix.size()));
  const auto* field = Lead::descriptor()->FindFieldByName(path);
  if (field == nullptr) return false;
  const auto* reflection = lead.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(lead, field) > 0 : reflection->HasField(lead, field);
}

bool Holds(const Scene& scene, const Lead& lead, const Stage& stage, const ExitCriterion& criterion,
           const filter::Schema& schema) {
  switch (criterion.check_case()) {
    case ExitCriterion::kFilter: {
      const auto filter = filter::Filter::Compile(criterion.filter(), schema, scene.resolver);
      // A filter that no longer compiles (its field is gone) must not let a lead pass unseen.
      return filter.ok() && filter->Matches(lead, scene.now);
    }
    case ExitCriterion::kMinStayDays:
      return scene.now - FromTimestamp(lead.stage_enter_time()) >= std::chrono::days(criterion.min_stay_days());
    case ExitCriterion::kActivityType:
      return scene.facts.done_types.contains(criterion.activity_type());
    case ExitCriterion::kDocument:
      return std::any_of(
          scene.facts.documents.begin(), scene.facts.documents.end(),
          [&](const std::string& content_type) { return MatchesContentType(criterion.document(), content_type); });
    case ExitCriterion::kApprovalRole:
      return scene.facts.approvals.contains({stage.name(), criterion.key(), criterion.approval_role()});
    default:
      return std::find(lead.checklist().begin(), lead.checklist().end(), criterion.key()) != lead.checklist().end();
  }
}

std::vector<Unmet> UnmetIn(const Scene& scene, const Lead& lead, const Stage& stage, const filter::Schema& schema) {
  std::vector<Unmet> unmet;
  for (const ExitCriterion& criterion : stage.exit_criteria()) {
    if (Holds(scene, lead, stage, criterion, schema)) continue;
    unmet.push_back({"EXIT_CRITERION", stage.name() + "#" + criterion.key(),
                     stage.display_name() + ": " + criterion.display_name(),
                     criterion.mode() != ExitCriterion::MODE_ADVISORY});
  }
  for (const std::string& path : stage.required_fields()) {
    if (IsSet(lead, path)) continue;
    unmet.push_back(
        {"REQUIRED_FIELD", stage.name() + "#" + path, stage.display_name() + ": " + path + " is not set", true});
  }
  return unmet;
}

absl::Status ErrorOf(const Lead& lead, const std::vector<Unmet>& unmet) {
  std::string texts;
  for (const Unmet& one : unmet) {
    if (one.required) texts += (texts.empty() ? "" : "; ") + one.description;
  }
  Error error(absl::StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET",
              lead.name() + " can't leave its stage: " + texts);
  error.Meta("lead", lead.name()).Meta("stage", lead.stage());
  for (const Unmet& one : unmet) {
    if (one.required) error.Violation(one.type, one.subject, one.description);
  }
  return error;
}

absl::Status Pass(const std::vector<Unmet>& unmet, const Passage& passage, Lead& lead) {
  const bool stops = std::any_of(unmet.begin(), unmet.end(), [](const Unmet& one) { return one.required; });
  if (stops && passage.override_reason.empty() && !passage.always) return ErrorOf(lead, unmet);
  lead.clear_unmet_criteria();
  lead.clear_override_reason();
  if (stops) lead.set_override_reason(passage.override_reason);
  for (const Unmet& one : unmet) lead.add_unmet_criteria(one.subject.substr(lead.pipeline().size() + 1));
  return absl::OkStatus();
}

absl::Status Forbidden(const std::string& reason, const Lead& lead, const std::string& text) {
  return Error(absl::StatusCode::kFailedPrecondition, reason, text)
      .Meta("pipeline", lead.pipeline())
      .Violation(reason, lead.pipeline(), text);
}

bool IsToken(std::string_view text) { return !text.empty() && text.find_first_of("*/ ,;") == std::string_view::npos; }

bool IsContentTypePattern(std::string_view pattern) {
  if (pattern == "*") return true;
  const size_t slash = pattern.find('/');
  if (slash == std::string_view::npos || !IsToken(pattern.substr(0, slash))) return false;
  const std::string_view subtype = pattern.substr(slash + 1);
  return subtype == "*" || IsToken(subtype);
}

absl::Status CheckCriterion(const Catalog& catalog, const filter::Schema& schema, const ExitCriterion& criterion,
                            const std::string& field) {
  switch (criterion.check_case()) {
    case ExitCriterion::kFilter: {
      if (criterion.filter().empty()) return InvalidField(field + ".filter", "is empty and would always hold");
      // Names of other records are looked up when a lead moves, not now.
      const auto any = [](const auto&, const auto&, const auto&) { return std::vector<std::string>(); };
      return filter::Filter::Compile(criterion.filter(), schema, any, field + ".filter").status();
    }
    case ExitCriterion::kActivityType:
      if (catalog.FindActivityType(criterion.activity_type()) != nullptr) return absl::OkStatus();
      return InvalidField(field + ".activity_type", "there is no " + criterion.activity_type());
    case ExitCriterion::kDocument:
      if (IsContentTypePattern(criterion.document())) return absl::OkStatus();
      return InvalidField(field + ".document", "is no content type such as application/pdf, image/* or *");
    case ExitCriterion::kApprovalRole:
      if (type::v1::Role_IsValid(criterion.approval_role()) &&
          criterion.approval_role() != type::v1::ROLE_UNSPECIFIED) {
        return absl::OkStatus();
      }
      return InvalidField(field + ".approval_role", "is no role");
    default:
      return absl::OkStatus();
  }
}

absl::Status CheckRequiredField(const Catalog& catalog, const std::string& path) {
  const std::string field = "stage.required_fields";
  if (path.starts_with(kCustomPrefix)) {
    if (catalog.lead_fields.contains(path.substr(kCustomPrefix.size()))) return absl::OkStatus();
    return InvalidField(field, "there is no custom field \"" + path.substr(kCustomPrefix.size()) + "\" of leads");
  }
  const auto* descriptor = Lead::descriptor()->FindFieldByName(path);
  if (descriptor == nullptr) return InvalidField(field, "a lead has no field \"" + path + "\"");
  if (descriptor->options().GetExtension(type::v1::rules).derived()) {
    return InvalidField(field, "\"" + path + "\" is computed and can't be set");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LeaveStage(const Scene& scene, const Passage& passage, const filter::Schema& schema, Lead& lead) {
  const Stage* stage = scene.catalog.FindStage(lead.stage());
  return Pass(stage == nullptr ? std::vector<Unmet>() : UnmetIn(scene, lead, *stage, schema), passage, lead);
}

absl::Status LeaveFor(const Scene& scene, const Stage& to, const Passage& passage, const filter::Schema& schema,
                      Lead& lead) {
  const std::vector<Stage>& stages = scene.catalog.StagesOf(lead.pipeline());
  const auto index = [&](const std::string& name) {
    return std::find_if(stages.begin(), stages.end(), [&](const Stage& stage) { return stage.name() == name; }) -
           stages.begin();
  };
  const auto pipeline = scene.catalog.pipelines.find(lead.pipeline());
  const bool known = pipeline != scene.catalog.pipelines.end();
  const auto from_index = index(lead.stage());
  const auto to_index = index(to.name());
  if (to_index < from_index && known && pipeline->second.no_going_back()) {
    return Forbidden("GOING_BACK_FORBIDDEN", lead, "this pipeline does not go back");
  }
  if (to_index > from_index + 1 && known && pipeline->second.no_skipping()) {
    return Forbidden("SKIPPING_FORBIDDEN", lead, "this pipeline does not skip stages");
  }
  std::vector<Unmet> unmet;
  for (auto i = from_index; i < to_index; ++i) {
    for (Unmet& one : UnmetIn(scene, lead, stages[static_cast<size_t>(i)], schema)) unmet.push_back(std::move(one));
  }
  return Pass(unmet, passage, lead);
}

bool NeedsFacts(const Stage& stage) {
  return std::any_of(stage.exit_criteria().begin(), stage.exit_criteria().end(), [](const ExitCriterion& criterion) {
    return criterion.check_case() == ExitCriterion::kActivityType ||
           criterion.check_case() == ExitCriterion::kDocument || criterion.check_case() == ExitCriterion::kApprovalRole;
  });
}

absl::Status CheckStage(const Catalog& catalog, const filter::Schema& schema, const Stage& stage) {
  std::set<std::string> keys;
  for (int i = 0; i < stage.exit_criteria_size(); ++i) {
    const std::string field = "stage.exit_criteria[" + std::to_string(i) + "]";
    const ExitCriterion& criterion = stage.exit_criteria(i);
    if (!keys.insert(criterion.key()).second) {
      return InvalidField(field + ".key", "\"" + criterion.key() + "\" is the key of another criterion of the stage");
    }
    EMBUDO_RETURN_IF_ERROR(CheckCriterion(catalog, schema, criterion, field));
  }
  for (const std::string& path : stage.required_fields()) EMBUDO_RETURN_IF_ERROR(CheckRequiredField(catalog, path));
  if (stage.max_days() != 0 && stage.max_days() < stage.min_days()) {
    return InvalidField("stage.max_days", "is less than min_days");
  }
  return absl::OkStatus();
}

bool MatchesContentType(const std::string& pattern, const std::string& content_type) {
  if (pattern == "*") return true;
  const auto same = [](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char left, char right) {
      const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
      return lower(left) == lower(right);
    });
  };
  // `text/plain; charset=utf-8` is text/plain.
  const std::string_view type = std::string_view(content_type).substr(0, content_type.find_first_of("; "));
  if (!pattern.ends_with("/*")) return same(pattern, type);
  const std::string_view prefix = std::string_view(pattern).substr(0, pattern.size() - 1);
  return type.size() > prefix.size() && same(prefix, type.substr(0, prefix.size()));
}

}  // namespace embudo::pipeline::logic
