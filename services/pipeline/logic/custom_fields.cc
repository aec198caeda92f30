#include "services/pipeline/logic/custom_fields.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>

#include "absl/strings/ascii.h"
#include "common/base/error.h"
#include "common/base/money.h"
#include "common/text/dates.h"

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::Value;
using google::protobuf::util::MessageDifferencer;
using type::v1::CustomField;

bool IsKey(const std::string& key) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !key.empty() && key.size() <= 63 && is_letter(key[0]) && std::all_of(key.begin(), key.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsNull(const Value& value) {
  return value.kind_case() == Value::kNullValue || value.kind_case() == Value::KIND_NOT_SET;
}

bool IsDay(const std::string& text) {
  const auto day = text::ParseDay(text);
  return day.ok() && FormatDate(ToDate(*day)) == text;
}

bool OneOf(const std::string& text, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), absl::AsciiStrToLower(text)) != words.end();
}

/// What is wrong with a value; empty if nothing is.
std::string WrongIn(const CustomField& field, const Value& value) {
  switch (field.type()) {
    case CustomField::TYPE_NUMBER:
    case CustomField::TYPE_MONEY:
      if (value.kind_case() != Value::kNumberValue) return "is not a number";
      return std::isfinite(value.number_value()) ? "" : "is not a finite number";
    case CustomField::TYPE_BOOL:
      return value.kind_case() == Value::kBoolValue ? "" : "is neither true nor false";
    case CustomField::TYPE_DATE:
      return value.kind_case() == Value::kStringValue && IsDay(value.string_value()) ? "" : "is no day YYYY-MM-DD";
    case CustomField::TYPE_CHOICE: {
      if (value.kind_case() != Value::kStringValue) return "is not a text";
      const auto& choices = field.choices();
      if (std::find(choices.begin(), choices.end(), value.string_value()) != choices.end()) return "";
      std::string all;
      for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
      return "\"" + value.string_value() + "\" is none of: " + all;
    }
    default:
      return value.kind_case() == Value::kStringValue ? "" : "is not a text";
  }
}

/// A value of an import as its field holds it, where it can be read as that.
void Read(const CustomField& field, Value& value) {
  if (field.type() == CustomField::TYPE_TEXT) {
    if (value.kind_case() == Value::kBoolValue) value.set_string_value(value.bool_value() ? "true" : "false");
    if (value.kind_case() != Value::kNumberValue) return;
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value.number_value());
    value.set_string_value(std::string(text.data(), end.ptr));
    return;
  }
  if (value.kind_case() != Value::kStringValue) return;
  const std::string text = value.string_value();
  switch (field.type()) {
    case CustomField::TYPE_NUMBER:
    case CustomField::TYPE_MONEY:
      if (const auto number = ParseMoney(text, ""); number.ok() && number->currency_code().empty()) {
        value.set_number_value(std::strtod(ToNumeric(*number).c_str(), nullptr));
      }
      break;
    case CustomField::TYPE_BOOL:
      if (OneOf(text, {"true", "yes", "1"})) value.set_bool_value(true);
      if (OneOf(text, {"false", "no", "0"})) value.set_bool_value(false);
      break;
    case CustomField::TYPE_DATE:
      if (const auto day = text::ParseDay(text); day.ok()) value.set_string_value(FormatDate(ToDate(*day)));
      break;
    case CustomField::TYPE_CHOICE:
      for (const std::string& choice : field.choices()) {
        if (absl::AsciiStrToLower(choice) == absl::AsciiStrToLower(text)) value.set_string_value(choice);
      }
      break;
    default:
      break;
  }
}

bool Arrives(type::v1::Origin origin) {
  return origin != type::v1::ORIGIN_UNSPECIFIED && origin != type::v1::ORIGIN_API;
}

}  // namespace

absl::Status CheckCustomFields(const CustomFields& defined, type::v1::Origin origin, const std::string& path,
                               const CustomValues* before, CustomValues& values) {
  std::vector<std::string> cleared;
  for (const auto& [key, value] : values) {
    if (IsNull(value)) cleared.push_back(key);
  }
  for (const std::string& key : cleared) values.erase(key);

  const bool imported = origin == type::v1::ORIGIN_IMPORT;
  for (auto& [key, value] : values) {
    const std::string field_path = path + "." + key;
    const auto field = defined.find(key);
    if (field != defined.end() && imported) Read(field->second, value);
    if (before != nullptr) {
      const auto old = before->find(key);
      if (old != before->end() && MessageDifferencer::Equals(old->second, value)) continue;
    }
    if (field == defined.end()) {
      // The keys of an import get their definitions before its records are written.
      if (imported && IsKey(key)) continue;
      return InvalidField(field_path, "there is no custom field \"" + key + "\"");
    }
    const std::string wrong = WrongIn(field->second, value);
    if (!wrong.empty()) return InvalidField(field_path, wrong);
  }
  if (before != nullptr || Arrives(origin)) return absl::OkStatus();
  for (const auto& [key, field] : defined) {
    if (field.required() && !values.contains(key)) return InvalidField(path + "." + key, "is required");
  }
  return absl::OkStatus();
}

std::vector<CustomField> MissingFields(const CustomFields& defined, CustomField::Target target,
                                       const std::vector<const CustomValues*>& records) {
  std::map<std::string, std::set<Value::KindCase>> kinds;
  for (const CustomValues* values : records) {
    for (const auto& [key, value] : *values) {
      if (!IsNull(value) && IsKey(key) && !defined.contains(key)) kinds[key].insert(value.kind_case());
    }
  }
  std::vector<CustomField> missing;
  for (const auto& [key, seen] : kinds) {
    CustomField& field = missing.emplace_back();
    field.set_target(target);
    field.set_key(key);
    field.set_display_name(key);
    field.set_type(CustomField::TYPE_TEXT);
    if (seen == std::set{Value::kNumberValue}) field.set_type(CustomField::TYPE_NUMBER);
    if (seen == std::set{Value::kBoolValue}) field.set_type(CustomField::TYPE_BOOL);
  }
  return missing;
}

absl::Status CheckCustomField(const Catalog& catalog, const CustomField* before, const CustomField& field) {
  const std::set<std::string> choices(field.choices().begin(), field.choices().end());
  if (field.type() != CustomField::TYPE_CHOICE && !choices.empty()) {
    return InvalidField("custom_field.choices", "only TYPE_CHOICE has choices");
  }
  if (field.type() == CustomField::TYPE_CHOICE) {
    if (choices.empty()) return InvalidField("custom_field.choices", "TYPE_CHOICE needs choices");
    if (choices.contains("")) return InvalidField("custom_field.choices", "a choice is empty");
    if (choices.size() != static_cast<size_t>(field.choices_size())) {
      return InvalidField("custom_field.choices", "a choice is there twice");
    }
  }
  if (before != nullptr) return absl::OkStatus();
  const bool contacts = field.target() == CustomField::TARGET_CONTACT;
  const CustomFields& others = contacts ? catalog.contact_fields : catalog.lead_fields;
  const auto other = others.find(field.key());
  if (other == others.end() || other->second.name() == field.name()) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
               other->second.name() + " has the key \"" + field.key() + "\" of " + (contacts ? "contacts" : "leads"))
      .Meta("resource", other->second.name())
      .Resource("embudo.dev/CustomField", other->second.name());
}

}  // namespace embudo::pipeline::logic
