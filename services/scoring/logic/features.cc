#include "services/scoring/logic/features.h"

#include <array>
#include <charconv>
#include <regex>

#include "common/filter/schema.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"

namespace embudo::scoring::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Lead;

constexpr std::string_view kCustom = "custom_fields.";

std::string NumberText(double number) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

/// Pipeline stores numbers that it can parse in E.164, with an extension maybe, and others as they were written.
std::string PhoneQuality(const std::string& phone) {
  static const auto* const kE164 = new std::regex(R"(\+[1-9][0-9]{6,14}(;ext=[0-9]+)?)");
  if (phone.empty()) return "";
  return std::regex_match(phone, *kE164) ? "correct" : "incorrect";
}

/// Pipeline stores addresses normalised; an import may have brought one that is none.
std::string EmailQuality(const std::string& email) {
  static const auto* const kAddress = new std::regex(R"([^@\s]+@[^@\s.]+(\.[^@\s.]+)+)");
  if (email.empty()) return "";
  return std::regex_match(email, *kAddress) ? "correct" : "incorrect";
}

std::string CustomText(const Lead& lead, const std::string& key) {
  const auto found = lead.custom_fields().find(key);
  if (found == lead.custom_fields().end()) return "";
  switch (found->second.kind_case()) {
    case google::protobuf::Value::kStringValue:
      return found->second.string_value();
    case google::protobuf::Value::kNumberValue:
      return NumberText(found->second.number_value());
    case google::protobuf::Value::kBoolValue:
      return found->second.bool_value() ? "true" : "false";
    default:
      return "";
  }
}

std::string FieldText(const Lead& lead, const std::string& name) {
  const FieldDescriptor* field = Lead::descriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated()) return "";
  const auto* reflection = lead.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->GetString(lead, field);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value = reflection->GetEnum(lead, field);
      return value->number() == 0 ? "" : filter::ShortName(*value);
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->GetInt32(lead, field) == 0 ? "" : std::to_string(reflection->GetInt32(lead, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->GetInt64(lead, field) == 0 ? "" : std::to_string(reflection->GetInt64(lead, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(lead, field) ? "true" : "";
    default:
      return "";
  }
}

}  // namespace

std::vector<std::string> DefaultVariables() {
  return {"source", "country", "industry", "email_quality", "phone_quality", std::string(kTag)};
}

std::vector<Couple> CouplesOf(const Lead& lead, const std::vector<std::string>& variables) {
  std::vector<Couple> couples;
  for (const std::string& variable : variables) {
    if (variable == kTag) {
      for (const std::string& tag : lead.tags()) couples.push_back({variable, tag});
    } else if (variable == "product") {
      for (const std::string& product : lead.products()) couples.push_back({variable, product});
    } else if (variable == "email_quality") {
      couples.push_back({variable, EmailQuality(lead.email())});
    } else if (variable == "phone_quality") {
      couples.push_back({variable, PhoneQuality(lead.phone())});
    } else if (variable != kStage) {
      const bool custom = variable.starts_with(kCustom);
      std::string value = custom ? CustomText(lead, variable.substr(kCustom.size())) : FieldText(lead, variable);
      if (!value.empty()) couples.push_back({variable, std::move(value)});
    }
  }
  return couples;
}

Features FeaturesOf(const Lead& lead, const Stages& stages, const ModelConfig& config) {
  const Stage* stage = stages.Find(lead.stage());
  const Stage* first = stages.First(PipelineOf(lead.stage()));
  return {.team = IdOf(lead.team()),
          .stage = lead.stage(),
          .stage_is_won = stage != nullptr && stage->is_won,
          .first_stage = first == nullptr ? "" : first->name,
          .couples = CouplesOf(lead, config.variables)};
}

std::optional<bool> Outcome(const Lead& lead, const ModelConfig& config) {
  if (lead.has_delete_time()) return std::nullopt;
  if (config.start_date && FromTimestamp(lead.create_time()) < *config.start_date) return std::nullopt;
  if (lead.state() == Lead::STATE_WON) return true;
  if (lead.state() == Lead::STATE_LOST) return false;
  return std::nullopt;
}

std::optional<Contribution> ContributionOf(const Lead& lead, const Stages& stages, const ModelConfig& config) {
  const std::optional<bool> won = Outcome(lead, config);
  if (!won) return std::nullopt;
  Contribution contribution{.won = *won, .team = IdOf(lead.team())};
  for (std::string& stage : stages.CountedFor(lead.stage(), *won)) {
    contribution.couples.push_back({std::string(kStage), std::move(stage)});
  }
  for (Couple& couple : CouplesOf(lead, config.variables)) contribution.couples.push_back(std::move(couple));
  return contribution;
}

bool IsScored(const Lead& lead) {
  return lead.state() == Lead::STATE_OPEN && !lead.archived() && !lead.has_delete_time();
}

}  // namespace embudo::scoring::logic
