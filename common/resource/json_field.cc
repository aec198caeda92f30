#include "common/resource/json_field.h"

#include <charconv>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/json.h"
#include "google/protobuf/struct.pb.h"

namespace embudo::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Value;
using nlohmann::json;

void AppendNumber(std::string& out, double value) {
  char text[40];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void AppendValue(std::string& out, const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return AppendNumber(out, value.number_value());
    case Value::kStringValue:
      return AppendJsonString(out, value.string_value());
    case Value::kBoolValue:
      out += value.bool_value() ? "true" : "false";
      return;
    case Value::kListValue:
      out += '[';
      for (const Value& item : value.list_value().values()) {
        if (out.back() != '[') out += ',';
        AppendValue(out, item);
      }
      out += ']';
      return;
    case Value::kStructValue:
      out += '{';
      for (const auto& [key, item] : value.struct_value().fields()) {
        if (out.back() != '{') out += ',';
        AppendJsonString(out, key);
        out += ':';
        AppendValue(out, item);
      }
      out += '}';
      return;
    default:
      out += "null";
  }
}

void AppendMessage(std::string& out, const Message& message);

void AppendScalar(std::string& out, const Message& message, const FieldDescriptor* field, int i) {
  const auto* reflection = message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return AppendJsonString(
          out, repeated ? reflection->GetRepeatedString(message, field, i) : reflection->GetString(message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return AppendJsonString(
          out,
          (repeated ? reflection->GetRepeatedEnum(message, field, i) : reflection->GetEnum(message, field))->name());
    case FieldDescriptor::CPPTYPE_BOOL:
      out += (repeated ? reflection->GetRepeatedBool(message, field, i) : reflection->GetBool(message, field))
                 ? "true"
                 : "false";
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      out += std::to_string(repeated ? reflection->GetRepeatedInt32(message, field, i)
                                     : reflection->GetInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      out += std::to_string(repeated ? reflection->GetRepeatedInt64(message, field, i)
                                     : reflection->GetInt64(message, field));
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return AppendNumber(
          out, repeated ? reflection->GetRepeatedDouble(message, field, i) : reflection->GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return AppendMessage(
          out, repeated ? reflection->GetRepeatedMessage(message, field, i) : reflection->GetMessage(message, field));
    default:
      out += "null";
  }
}

void AppendField(std::string& out, const Message& message, const FieldDescriptor* field) {
  if (!field->is_repeated()) return AppendScalar(out, message, field, 0);
  const int size = message.GetReflection()->FieldSize(message, field);
  out += field->is_map() ? '{' : '[';
  for (int i = 0; i < size; ++i) {
    if (i > 0) out += ',';
    if (field->is_map()) {
      const Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
      AppendScalar(out, entry, entry.GetDescriptor()->map_key(), 0);
      out += ':';
      AppendScalar(out, entry, entry.GetDescriptor()->map_value(), 0);
    } else {
      AppendScalar(out, message, field, i);
    }
  }
  out += field->is_map() ? '}' : ']';
}

void AppendMessage(std::string& out, const Message& message) {
  if (message.GetDescriptor() == Value::descriptor()) return AppendValue(out, static_cast<const Value&>(message));
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  out += '{';
  for (const FieldDescriptor* field : set) {
    if (out.back() != '{') out += ',';
    AppendJsonString(out, field->name());
    out += ':';
    AppendField(out, message, field);
  }
  out += '}';
}

void SetValue(const json& from, Value* value) {
  if (from.is_number()) value->set_number_value(from.get<double>());
  if (from.is_string()) value->set_string_value(from.get<std::string>());
  if (from.is_boolean()) value->set_bool_value(from.get<bool>());
  if (from.is_null()) value->set_null_value(google::protobuf::NULL_VALUE);
  if (from.is_array()) {
    for (const json& item : from) SetValue(item, value->mutable_list_value()->add_values());
    value->mutable_list_value();
  }
  if (from.is_object()) {
    for (const auto& [key, item] : from.items())
      SetValue(item, &(*value->mutable_struct_value()->mutable_fields())[key]);
    value->mutable_struct_value();
  }
}

void SetMessage(const json& from, Message* message);

void SetScalar(const json& from, const FieldDescriptor* field, Message* message) {
  const auto* reflection = message->GetReflection();
  const bool add = field->is_repeated();
  // Numbers of 64 bits may stand as text, as protobuf's own converter writes them.
  const auto integer = [&] { return from.is_string() ? std::stoll(from.get<std::string>()) : from.get<int64_t>(); };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return add ? reflection->AddString(message, field, from.get<std::string>())
                 : reflection->SetString(message, field, from.get<std::string>());
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value = field->enum_type()->FindValueByName(from.get<std::string>());
      if (value == nullptr) return;
      return add ? reflection->AddEnum(message, field, value) : reflection->SetEnum(message, field, value);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return add ? reflection->AddBool(message, field, from.get<bool>())
                 : reflection->SetBool(message, field, from.get<bool>());
    case FieldDescriptor::CPPTYPE_INT32:
      return add ? reflection->AddInt32(message, field, static_cast<int32_t>(integer()))
                 : reflection->SetInt32(message, field, static_cast<int32_t>(integer()));
    case FieldDescriptor::CPPTYPE_INT64:
      return add ? reflection->AddInt64(message, field, integer()) : reflection->SetInt64(message, field, integer());
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return add ? reflection->AddDouble(message, field, from.get<double>())
                 : reflection->SetDouble(message, field, from.get<double>());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(from,
                        add ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field));
    default:
      return;
  }
}

void SetField(const json& from, const FieldDescriptor* field, Message* message) {
  if (field->is_map()) {
    for (const auto& [key, value] : from.items()) {
      Message* entry = message->GetReflection()->AddMessage(message, field);
      SetScalar(key, entry->GetDescriptor()->map_key(), entry);
      SetScalar(value, entry->GetDescriptor()->map_value(), entry);
    }
  } else if (field->is_repeated()) {
    for (const json& item : from) SetScalar(item, field, message);
  } else {
    SetScalar(from, field, message);
  }
}

void SetMessage(const json& from, Message* message) {
  if (message->GetDescriptor() == Value::descriptor()) return SetValue(from, static_cast<Value*>(message));
  for (const auto& [name, value] : from.items()) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) SetField(value, field, message);
  }
}

}  // namespace

std::string JsonOfField(const Message& message, const FieldDescriptor* field) {
  const bool unset = !field->is_repeated() && !message.GetReflection()->HasField(message, field);
  if (unset) return "null";
  std::string out;
  AppendField(out, message, field);
  return out;
}

void SetFieldFromJson(std::string_view text, const FieldDescriptor* field, Message* message) {
  if (text == "[]" || text == "{}" || text == "null") return;
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return;
  try {
    SetField(parsed, field, message);
  } catch (const std::exception&) {
    // JSON of another shape than this version writes: what was read so far stays.
  }
}

}  // namespace embudo::resource
