#include "tools/cli/fields.h"

#include <charconv>
#include <optional>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/money.h"
#include "common/text/dates.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"

namespace embudo::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kCustomPrefix = "custom_fields.";

template <class Number>
std::optional<Number> ParseNumber(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The value whose name is the text, or ends with `_` and the text.
const google::protobuf::EnumValueDescriptor* FindValue(const google::protobuf::EnumDescriptor& type,
                                                       const std::string& text) {
  const std::string zero = type.value(0)->name();
  const std::string prefix = zero.substr(0, zero.size() - std::string_view("UNSPECIFIED").size());
  const auto* value = type.FindValueByName(prefix + text);
  return value == nullptr ? type.FindValueByName(text) : value;
}

absl::Status SetMessage(Message& record, const FieldDescriptor* field, const std::string& text) {
  Message& sub = *record.GetReflection()->MutableMessage(&record, field);
  if (field->message_type() == google::type::Money::descriptor()) {
    auto money = ParseMoney(text, "");
    if (!money.ok()) return InvalidField(field->name(), MessageOf(money.status()));
    static_cast<google::type::Money&>(sub) = *std::move(money);
  } else if (field->message_type() == google::type::Date::descriptor()) {
    const auto day = text::ParseDay(text);
    if (!day.ok()) return InvalidField(field->name(), MessageOf(day.status()));
    static_cast<google::type::Date&>(sub) = ToDate(*day);
  } else if (field->message_type() == google::protobuf::Timestamp::descriptor()) {
    const auto time = text::ParseTime(text);
    if (!time.ok()) return InvalidField(field->name(), MessageOf(time.status()));
    static_cast<google::protobuf::Timestamp&>(sub) = ToTimestamp(*time);
  } else {
    return InvalidField(field->name(), "can't be given as text; use the command `call`");
  }
  return absl::OkStatus();
}

absl::Status SetScalar(Message& record, const FieldDescriptor* field, const std::string& text) {
  const auto* reflection = record.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      reflection->SetString(&record, field, text);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return InvalidField(field->name(), "is true or false");
      reflection->SetBool(&record, field, text == "true");
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT32:
      if (const auto number = ParseNumber<int32_t>(text)) {
        reflection->SetInt32(&record, field, *number);
        return absl::OkStatus();
      }
      return InvalidField(field->name(), "\"" + text + "\" is no whole number");
    case FieldDescriptor::CPPTYPE_INT64:
      if (const auto number = ParseNumber<int64_t>(text)) {
        reflection->SetInt64(&record, field, *number);
        return absl::OkStatus();
      }
      return InvalidField(field->name(), "\"" + text + "\" is no whole number");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (const auto number = ParseNumber<double>(text)) {
        reflection->SetDouble(&record, field, *number);
        return absl::OkStatus();
      }
      return InvalidField(field->name(), "\"" + text + "\" is no number");
    case FieldDescriptor::CPPTYPE_ENUM:
      if (const auto* value = FindValue(*field->enum_type(), text)) {
        reflection->SetEnum(&record, field, value);
        return absl::OkStatus();
      }
      return InvalidField(field->name(), "has no value \"" + text + "\"");
    default:
      return SetMessage(record, field, text);
  }
}

absl::Status SetList(Message& record, const FieldDescriptor* field, const std::string& text) {
  if (field->is_map() || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return InvalidField(field->name(), "can't be given as text; use the command `call`");
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    record.GetReflection()->AddString(&record, field, text.substr(begin, end - begin));
    begin = end + 1;
  }
  return absl::OkStatus();
}

google::protobuf::Value ToValue(const std::string& text) {
  google::protobuf::Value value;
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
    value.set_string_value(text.substr(1, text.size() - 2));
  } else if (const auto number = ParseNumber<double>(text)) {
    value.set_number_value(*number);
  } else if (text == "true" || text == "false") {
    value.set_bool_value(text == "true");
  } else {
    value.set_string_value(text);
  }
  return value;
}

absl::Status SetCustom(Message& record, const std::string& key, const std::string& text) {
  const auto* field = record.GetDescriptor()->FindFieldByName("custom_fields");
  if (field == nullptr) return InvalidField("custom_fields", "is no field of " + record.GetDescriptor()->name());
  if (text.empty()) return absl::OkStatus();
  const auto* reflection = record.GetReflection();
  Message& entry = *reflection->AddMessage(&record, field);
  const auto* descriptor = entry.GetDescriptor();
  entry.GetReflection()->SetString(&entry, descriptor->FindFieldByName("key"), key);
  entry.GetReflection()->MutableMessage(&entry, descriptor->FindFieldByName("value"))->CopyFrom(ToValue(text));
  return absl::OkStatus();
}

}  // namespace

absl::Status SetField(Message& record, const std::string& path, const std::string& text) {
  if (path.starts_with(kCustomPrefix)) return SetCustom(record, path.substr(kCustomPrefix.size()), text);
  const auto* field = record.GetDescriptor()->FindFieldByName(path);
  if (field == nullptr) return InvalidField(path, "is no field of " + record.GetDescriptor()->name());
  record.GetReflection()->ClearField(&record, field);
  if (text.empty()) return absl::OkStatus();
  return field->is_repeated() ? SetList(record, field, text) : SetScalar(record, field, text);
}

absl::Status SetFields(Message& record, const std::vector<std::string>& arguments, google::protobuf::FieldMask* mask) {
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) return InvalidField(argument, "is not of the form field=value");
    const std::string path = argument.substr(0, equals);
    EMBUDO_RETURN_IF_ERROR(SetField(record, path, argument.substr(equals + 1)));
    if (mask != nullptr) mask->add_paths(path);
  }
  return absl::OkStatus();
}

}  // namespace embudo::cli
