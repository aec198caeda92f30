#include "services/capture/logic/cell.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "common/base/error.h"
#include "common/text/email.h"
#include "common/text/name.h"
#include "common/text/phone.h"
#include "common/text/unicode.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/options.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "services/capture/logic/directory.h"

namespace embudo::capture::logic {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status Invalid(std::string_view reason, std::string_view text, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, reason, "\"" + std::string(text) + "\" " + std::string(what));
}

bool HasBehavior(const FieldDescriptor* field, google::api::FieldBehavior behavior) {
  const auto& all = field->options().GetRepeatedExtension(google::api::field_behavior);
  return std::find(all.begin(), all.end(), behavior) != all.end();
}

const type::v1::Rules& RulesOf(const FieldDescriptor* field) { return field->options().GetExtension(type::v1::rules); }

/// Output-only fields that a record with a past brings along.
constexpr auto kPast = std::to_array<std::string_view>(
    {"close_time", "create_time", "lost_reason", "lost_note", "feedback", "done_time", "author"});
/// Of activities, whose state is a plain field.
constexpr std::string_view kActivityState = "state";
/// Fields that the mapping sets by other means.
constexpr auto kOwn = std::to_array<std::string_view>({"name", "etag", "kind", "state", "stage", "external_ids"});

template <size_t n>
bool Contains(const std::array<std::string_view, n>& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

std::string KindOfReference(const FieldDescriptor* field) {
  static const std::map<std::string, std::string> kinds = {{"embudo.dev/User", kUsers},
                                                           {"embudo.dev/Team", kTeams},
                                                           {"embudo.dev/Product", kProducts},
                                                           {"embudo.dev/Tag", kTags},
                                                           {"embudo.dev/LostReason", kLostReasons}};
  const std::string& type = field->options().GetExtension(google::api::resource_reference).type();
  if (type == "embudo.dev/Contact") return field->name() == "company" ? kCompanies : kPeople;
  const auto kind = kinds.find(type);
  return kind == kinds.end() ? "" : kind->second;
}

bool IsTime(const FieldDescriptor* field) { return field->message_type() == google::protobuf::Timestamp::descriptor(); }
bool IsDate(const FieldDescriptor* field) { return field->message_type() == google::type::Date::descriptor(); }
bool IsMoney(const FieldDescriptor* field) { return field->message_type() == google::type::Money::descriptor(); }

/// `6.0E7` as a plain number, in the file's way of writing; other texts as they are. Some exports write large amounts
/// so.
std::string WithoutExponent(std::string_view text, const Locale& locale) {
  const size_t mark = text.find_first_of("eE");
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+'; };
  if (mark == 0 || mark == std::string_view::npos || mark + 1 == text.size() || text.size() > 30)
    return std::string(text);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != mark && !plain(text[i])) return std::string(text);
  }
  char* end = nullptr;
  const std::string copy(text);
  const double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || value > 1e15 || value < -1e15) return copy;
  std::array<char, 64> digits{};
  std::snprintf(digits.data(), digits.size(), "%.6f", value);
  std::string number(digits.data());
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  std::replace(number.begin(), number.end(), '.', locale.numbers.decimal);
  return number;
}

/// A number as exact decimal: `1.234,5 %` in the file's way of writing.
absl::StatusOr<google::type::Money> ReadDecimal(const Target& target, std::string_view text, const Locale& locale) {
  while (!text.empty() && (text.back() == '%' || text.back() == ' ')) text.remove_suffix(1);
  auto number = ParseMoney(WithoutExponent(text, locale), "", locale.numbers);
  if (!number.ok() || !number->currency_code().empty()) return Invalid("INVALID_NUMBER", text, "is not a number");
  return target.scale.empty() ? number : ScaleMoney(*number, target.scale);
}

absl::Status CheckRange(const Target& target, double value, std::string_view text) {
  const type::v1::Rules& rules = RulesOf(target.field);
  if ((rules.has_min() && value < rules.min()) || (rules.has_max() && value > rules.max())) {
    return Invalid("NUMBER_OUT_OF_RANGE", text, "is out of the field's range");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadInteger(const Target& target, std::string_view text, const Locale& locale) {
  EMBUDO_ASSIGN_OR_RETURN(const google::type::Money number, ReadDecimal(target, text, locale));
  if (number.nanos() != 0) return Invalid("INVALID_NUMBER", text, "is not a whole number");
  EMBUDO_RETURN_IF_ERROR(CheckRange(target, static_cast<double>(number.units()), text));
  return number.units();
}

absl::StatusOr<double> ReadDouble(const Target& target, std::string_view text, const Locale& locale) {
  EMBUDO_ASSIGN_OR_RETURN(const google::type::Money number, ReadDecimal(target, text, locale));
  const double value = std::strtod(ToNumeric(number).c_str(), nullptr);
  EMBUDO_RETURN_IF_ERROR(CheckRange(target, value, text));
  return value;
}

/// The same error by the name that imports have for it.
absl::Status Renamed(const absl::Status& status) {
  if (ReasonOf(status) != "INVALID_DATE") return status;
  return Error(absl::StatusCode::kInvalidArgument, "COULD_NOT_PARSE_DATE", MessageOf(status));
}

/// Days since 30 December 1899, as Excel counts them, in the years 1927 to 2173: five digits, which no other date has.
std::optional<double> ExcelDays(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  if (point != 5 || text.size() > 24) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != point && (text[i] < '0' || text[i] > '9')) return std::nullopt;
  }
  return std::strtod(std::string(text).c_str(), nullptr);
}

constexpr Day kExcelEpoch = std::chrono::year(1899) / std::chrono::December / 30;

absl::StatusOr<Day> ReadDay(std::string_view text, const Locale& locale) {
  if (const auto days = ExcelDays(text)) return kExcelEpoch + std::chrono::days(static_cast<int>(*days));
  const absl::StatusOr<Day> day = text::ParseDay(text, locale.date_order);
  if (!day.ok()) return Renamed(day.status());
  return day;
}

/// By the value's name, with or without the prefix that all values of its type have; `-`, ` ` and `_` are the same.
absl::StatusOr<const google::protobuf::EnumValueDescriptor*> ReadChoice(const FieldDescriptor* field,
                                                                        std::string_view text) {
  const auto* type = field->enum_type();
  const std::string& zero = type->value(0)->name();
  const std::string prefix = zero.substr(0, zero.size() - std::string_view("UNSPECIFIED").size());
  std::string wanted = NameKey(text);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](char c) {
    return c == ' ' || c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  const auto* value = type->FindValueByName(prefix + wanted);
  if (value == nullptr) value = type->FindValueByName(wanted);
  if (value == nullptr || value->number() == 0) {
    return Invalid("INVALID_ENUMERATION_OPTION", text, "is no " + type->full_name());
  }
  return value;
}

absl::StatusOr<std::string> ReadText(const FieldDescriptor* field, std::string_view text, const Locale& locale) {
  const type::v1::Rules& rules = RulesOf(field);
  const std::string& name = field->name();
  std::string value(text);
  if (rules.email()) {
    EMBUDO_ASSIGN_OR_RETURN(value, text::NormaliseEmail(text));
  } else if (name == "phone") {
    value = text::NormalisePhone(text, locale.region_code);
  } else if (name == "country") {
    value = text::NormaliseCountry(text);
  } else if (name == "source" || name == "medium" || name == "campaign") {
    value = NameKey(text);
  } else if (rules.max_length() > 0 && rules.max_length() <= 500) {
    value = text::FoldWhitespace(text);  // names and titles are one line; longer texts keep theirs
  }
  const auto length = static_cast<int64_t>(text::CountCharacters(value));
  if (rules.max_length() > 0 && length > rules.max_length()) {
    return Error(absl::StatusCode::kInvalidArgument, "TEXT_TOO_LONG",
                 "the text has " + std::to_string(length) + " characters, and at most " +
                     std::to_string(rules.max_length()) + " fit");
  }
  return value;
}

absl::Status SetMessage(const Target& target, std::string_view text, const Locale& locale, const std::string& currency,
                        Message* record) {
  const auto* reflection = record->GetReflection();
  if (IsMoney(target.field)) {
    EMBUDO_ASSIGN_OR_RETURN(
        google::type::Money money,
        ParseMoney(WithoutExponent(text, locale), currency.empty() ? locale.currency_code : currency, locale.numbers));
    if (!target.scale.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(money, ScaleMoney(money, target.scale));
    }
    reflection->MutableMessage(record, target.field)->CopyFrom(money);
  } else if (IsDate(target.field)) {
    EMBUDO_ASSIGN_OR_RETURN(const Day day, ReadDay(text, locale));
    reflection->MutableMessage(record, target.field)->CopyFrom(ToDate(day));
  } else {
    EMBUDO_ASSIGN_OR_RETURN(const Time time, ReadTime(text, locale));
    reflection->MutableMessage(record, target.field)->CopyFrom(ToTimestamp(time));
  }
  return absl::OkStatus();
}

void SetCustomField(const Target& target, std::string_view text, Message* record) {
  Message* entry = record->GetReflection()->AddMessage(record, target.field);
  const auto* type = entry->GetDescriptor();
  entry->GetReflection()->SetString(entry, type->map_key(), target.key);
  auto* value = static_cast<google::protobuf::Value*>(entry->GetReflection()->MutableMessage(entry, type->map_value()));
  value->set_string_value(std::string(text));
}

}  // namespace

absl::StatusOr<bool> ReadBool(std::string_view text) {
  const std::string key = NameKey(text);
  if (key == "true" || key == "yes" || key == "1" || key == "t" || key == "y" || key == "x") return true;
  if (key == "false" || key == "no" || key == "0" || key == "f" || key == "n") return false;
  return Invalid("INVALID_BOOLEAN", text, "is neither true nor false");
}

absl::StatusOr<Time> ReadTime(std::string_view text, const Locale& locale) {
  if (const auto days = ExcelDays(text)) {
    const auto seconds = std::chrono::seconds(static_cast<int64_t>(*days * 86400 + 0.5));
    return text::LocalToUtc(std::chrono::local_days(kExcelEpoch.time_since_epoch()) + seconds, locale.time_zone);
  }
  const absl::StatusOr<Time> time = text::ParseTime(text, locale.date_order, locale.time_zone);
  if (!time.ok()) return Renamed(time.status());
  return time;
}

absl::StatusOr<Target> FindTarget(const google::protobuf::Descriptor* record, const std::string& path) {
  const std::string top = path.substr(0, path.find('.'));
  if (top == "stage_entered" && record == type::v1::Lead::descriptor()) {
    Target target;
    target.entered_stage = path.size() > top.size() + 1 ? path.substr(top.size() + 1) : "";
    if (target.entered_stage.empty())
      return InvalidField("field", "\"" + path + "\" lacks the stage: " + top + ".<id>");
    return target;
  }
  const FieldDescriptor* field = record->FindFieldByName(top);
  if (field == nullptr) return InvalidField("field", record->name() + " has no field \"" + path + "\"");
  Target target;
  target.field = field;
  const bool state_of_activity = top == kActivityState && record == type::v1::Activity::descriptor();
  if (Contains(kOwn, top) && !state_of_activity)
    return InvalidField("field", "\"" + path + "\" is not filled by a column of its own");
  if (HasBehavior(field, google::api::OUTPUT_ONLY) && !Contains(kPast, top) && !state_of_activity) {
    return InvalidField("field", "\"" + path + "\" is set by the service only");
  }
  if (field->is_map()) {
    target.key = path.size() > top.size() + 1 ? path.substr(top.size() + 1) : "";
    if (target.key.empty()) return InvalidField("field", "\"" + path + "\" lacks the key: " + top + ".<key>");
    return target;
  }
  if (path != top) return InvalidField("field", "\"" + path + "\" leads into a field that has no fields");
  const bool message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (message && (field->is_repeated() || !(IsTime(field) || IsDate(field) || IsMoney(field)))) {
    return InvalidField("field", "\"" + path + "\" can't be filled from text");
  }
  target.refers_to = KindOfReference(field);
  return target;
}

absl::Status SetField(const Target& target, std::string_view text, const Locale& locale, Message* record,
                      const std::string& currency) {
  const FieldDescriptor* field = target.field;
  const auto* reflection = record->GetReflection();
  if (field->is_map()) {
    SetCustomField(target, text, record);
    return absl::OkStatus();
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(target, text, locale, currency, record);
    case FieldDescriptor::CPPTYPE_STRING: {
      EMBUDO_ASSIGN_OR_RETURN(std::string value, ReadText(field, text, locale));
      if (field->is_repeated()) {
        reflection->AddString(record, field, std::move(value));
      } else {
        reflection->SetString(record, field, std::move(value));
      }
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      EMBUDO_ASSIGN_OR_RETURN(const auto* value, ReadChoice(field, text));
      if (field->is_repeated()) {
        reflection->AddEnum(record, field, value);
      } else {
        reflection->SetEnum(record, field, value);
      }
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      EMBUDO_ASSIGN_OR_RETURN(const bool value, ReadBool(text));
      reflection->SetBool(record, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      EMBUDO_ASSIGN_OR_RETURN(const double value, ReadDouble(target, text, locale));
      reflection->SetDouble(record, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      EMBUDO_ASSIGN_OR_RETURN(const int64_t value, ReadInteger(target, text, locale));
      reflection->SetInt32(record, field, static_cast<int32_t>(value));
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      EMBUDO_ASSIGN_OR_RETURN(const int64_t value, ReadInteger(target, text, locale));
      reflection->SetInt64(record, field, value);
      return absl::OkStatus();
    }
    default:
      return Internal("no way to fill " + field->full_name());
  }
}

void SetReference(const Target& target, const std::string& name, Message* record) {
  const auto* reflection = record->GetReflection();
  if (target.field->is_repeated()) {
    reflection->AddString(record, target.field, name);
  } else {
    reflection->SetString(record, target.field, name);
  }
}

}  // namespace embudo::capture::logic
