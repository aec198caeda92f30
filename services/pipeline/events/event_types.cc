#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "common/event/event.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/descriptor.h"
#include "services/pipeline/events/event_service.h"

namespace embudo::pipeline::events {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using nlohmann::json;

/// JSON schemas of messages in protobuf's JSON form (https://protobuf.dev/programming-guides/json).
class SchemaWriter {
 public:
  json Write(const Descriptor* root, const FieldDescriptor* only_data) {
    only_data_ = only_data;
    json schema = Reference(root);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["$defs"] = definitions_;
    return schema;
  }

 private:
  json Reference(const Descriptor* message) {
    const json well_known = WellKnown(message);
    if (!well_known.is_null()) return well_known;
    const std::string& name = message->full_name();
    if (!definitions_.contains(name)) {
      definitions_[name] = json::object();  // a message may hold itself
      json properties = json::object();
      for (int i = 0; i < message->field_count(); ++i) {
        const FieldDescriptor* field = message->field(i);
        // Of the kinds of record, an event of this type holds one.
        const bool other = message == type::v1::Resource::descriptor() && field != only_data_;
        if (!other) properties[field->json_name()] = OfField(field);
      }
      definitions_[name] = {{"type", "object"}, {"properties", properties}};
    }
    return {{"$ref", "#/$defs/" + name}};
  }

  json OfField(const FieldDescriptor* field) {
    if (field->is_map()) {
      return {{"type", "object"}, {"additionalProperties", OfValue(field->message_type()->map_value())}};
    }
    if (field->is_repeated()) return {{"type", "array"}, {"items", OfValue(field)}};
    return OfValue(field);
  }

  json OfValue(const FieldDescriptor* field) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Reference(field->message_type());
      case FieldDescriptor::CPPTYPE_ENUM:
        return {{"enum", Names(field->enum_type())}};
      case FieldDescriptor::CPPTYPE_BOOL:
        return {{"type", "boolean"}};
      case FieldDescriptor::CPPTYPE_INT32:
        return {{"type", "integer"}};
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return {{"type", "number"}};
      default:
        // Texts, and integers of 64 bits.
        return {{"type", "string"}};
    }
  }

  static json Names(const EnumDescriptor* type) {
    json names = json::array();
    for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
    return names;
  }

  static json WellKnown(const Descriptor* message) {
    static const std::map<std::string, json> kForms = {
        {"google.protobuf.Timestamp", {{"type", "string"}, {"format", "date-time"}}},
        {"google.protobuf.Duration", {{"type", "string"}}},
        {"google.protobuf.FieldMask", {{"type", "string"}}},
        {"google.protobuf.Value", json::object()},
        {"google.protobuf.Struct", {{"type", "object"}}},
    };
    const auto found = kForms.find(message->full_name());
    return found == kForms.end() ? json() : found->second;
  }

  const FieldDescriptor* only_data_ = nullptr;
  json definitions_ = json::object();
};

/// The field of Resource that an event of that type fills: `lost_reason` of `lost_reason.created`.
const FieldDescriptor* DataOf(const std::string& type) {
  if (type == "privacy.erased") return type::v1::Resource::descriptor()->FindFieldByName("erasure");
  return type::v1::Resource::descriptor()->FindFieldByName(type.substr(0, type.find('.')));
}

/// The type of resource that a message is; not all that events tell of are resources of an API.
std::string ResourceTypeOf(const Descriptor* message) {
  const std::string& type = message->options().GetExtension(google::api::resource).type();
  return type.empty() ? "embudo.dev/" + message->name() : type;
}

v1::ListEventTypesResponse Make() {
  v1::ListEventTypesResponse response;
  std::map<const FieldDescriptor*, std::string> schemas;
  const EnumDescriptor* types = type::v1::EventType_descriptor();
  std::map<int, std::string> by_number;
  for (int i = 0; i < types->value_count(); ++i) {
    const int number = types->value(i)->number();
    if (number != 0) by_number[number] = event::TypeText(static_cast<type::v1::EventType>(number));
  }
  for (const auto& [number, type] : by_number) {
    const FieldDescriptor* data = DataOf(type);
    if (data == nullptr) continue;
    std::string& schema = schemas[data];
    if (schema.empty()) schema = SchemaWriter().Write(type::v1::Event::descriptor(), data).dump();
    v1::EventTypeInfo& info = *response.add_event_types();
    info.set_type(type);
    info.set_resource_type(ResourceTypeOf(data->message_type()));
    info.set_json_schema(schema);
  }
  return response;
}

}  // namespace

absl::StatusOr<v1::ListEventTypesResponse> ListEventTypes() {
  static const auto* const types = new v1::ListEventTypesResponse(Make());
  return *types;
}

}  // namespace embudo::pipeline::events
