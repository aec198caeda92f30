#include "common/resource/change.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>

#include "common/base/sha256.h"
#include "common/event/event.h"
#include "embudo/type/v1/options.pb.h"

namespace embudo::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool SameMessage(const Message& a, const Message& b) {
  // The comparison of fields costs a hundred times that of bytes, and most messages have not changed.
  return a.SerializePartialAsString() == b.SerializePartialAsString() ||
         google::protobuf::util::MessageDifferencer::Equals(a, b);
}

bool SameField(const Message& a, const Message& b, const FieldDescriptor* field) {
  const Reflection* reflection = a.GetReflection();
  if (!field->is_repeated()) {
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string left;
        std::string right;
        return reflection->GetStringReference(a, field, &left) == reflection->GetStringReference(b, field, &right);
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection->GetInt32(a, field) == reflection->GetInt32(b, field);
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection->GetInt64(a, field) == reflection->GetInt64(b, field);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection->GetDouble(a, field) == reflection->GetDouble(b, field);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->GetBool(a, field) == reflection->GetBool(b, field);
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection->GetEnumValue(a, field) == reflection->GetEnumValue(b, field);
      default:
        if (reflection->HasField(a, field) != reflection->HasField(b, field)) return false;
        return !reflection->HasField(a, field) ||
               SameMessage(reflection->GetMessage(a, field), reflection->GetMessage(b, field));
    }
  }
  if (reflection->FieldSize(a, field) != reflection->FieldSize(b, field)) return false;
  if (reflection->FieldSize(a, field) == 0) return true;
  google::protobuf::util::MessageDifferencer differencer;
  return differencer.CompareWithFields(a, b, {field}, {field});
}

// Maps are repeated entries with `key` and `value`; a change is told by key.
void ChangedKeys(const Message& a, const Message& b, const FieldDescriptor* field, std::vector<std::string>* out) {
  const auto entries = [&](const Message& message) {
    std::map<std::string, std::string> values;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      const Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
      values[GetText(entry, "key")] = entry.SerializeAsString();
    }
    return values;
  };
  const auto before = entries(a);
  const auto after = entries(b);
  std::set<std::string> keys;
  for (const auto& [key, value] : before) keys.insert(key);
  for (const auto& [key, value] : after) keys.insert(key);
  for (const std::string& key : keys) {
    const auto left = before.find(key);
    const auto right = after.find(key);
    if (left == before.end() || right == after.end() || left->second != right->second) {
      out->push_back(field->name() + "." + key);
    }
  }
}

const FieldDescriptor* FieldFor(const Message& record) {
  const auto* oneof = type::v1::Resource::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    if (oneof->field(i)->message_type() == record.GetDescriptor()) return oneof->field(i);
  }
  return nullptr;
}

}  // namespace

CallInfo InfoOf(const rpc::CallContext& call) {
  const auto origin =
      call.identity.origin == type::v1::ORIGIN_UNSPECIFIED ? type::v1::ORIGIN_API : call.identity.origin;
  return {call.identity.actor, origin, call.traceparent, call.identity.cause};
}

std::vector<std::string> ChangedFields(const Message& before, const Message& after) {
  std::vector<std::string> changed;
  const auto* descriptor = before.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->name() == "name" || field->name() == "etag" || field->name() == "update_time") continue;
    if (field->options().GetExtension(type::v1::rules).derived()) continue;
    if (field->is_map()) {
      ChangedKeys(before, after, field, &changed);
    } else if (!SameField(before, after, field)) {
      changed.push_back(field->name());
    }
  }
  return changed;
}

void SetResource(const Message& record, type::v1::Resource* resource) {
  if (const FieldDescriptor* field = FieldFor(record)) {
    resource->GetReflection()->MutableMessage(resource, field)->CopyFrom(record);
  }
}

const Message* RecordIn(const type::v1::Resource& resource) {
  const auto* reflection = resource.GetReflection();
  const FieldDescriptor* field =
      reflection->GetOneofFieldDescriptor(resource, type::v1::Resource::descriptor()->oneof_decl(0));
  return field == nullptr ? nullptr : &reflection->GetMessage(resource, field);
}

type::v1::Event EventOf(const Change& change, const std::string& tenant, const Uuid& id) {
  type::v1::Event event;
  event.set_id(id.ToString());
  event.set_type(event::TypeText(change.event_type));
  event.set_subject(NameOf(*change.after.message));
  *event.mutable_time() = ToTimestamp(change.time);
  event.set_partition_key(change.partition_key);
  event.set_actor(change.actor);
  event.set_origin(change.origin);
  event.set_request_id(change.request_id);
  event.set_traceparent(change.traceparent);
  if (!change.cause.event_id().empty()) *event.mutable_cause() = change.cause;
  event.set_tenant(tenant);
  SetResource(*change.after.message, event.mutable_data());
  if (change.previous == nullptr) return event;

  // Only what changed; a map is told whole, its keys are in the paths.
  std::set<const FieldDescriptor*> changed;
  for (const std::string& path : change.changed_fields) {
    event.mutable_changed_fields()->add_paths(path);
    changed.insert(change.previous->GetDescriptor()->FindFieldByName(path.substr(0, path.find('.'))));
  }
  std::unique_ptr<Message> before(change.previous->New());
  before->CopyFrom(*change.previous);
  std::unique_ptr<Message> previous(change.previous->New());
  previous->GetReflection()->SwapFields(before.get(), previous.get(), {changed.begin(), changed.end()});
  SetText(previous.get(), "name", NameOf(*change.after.message));
  SetResource(*previous, event.mutable_previous());
  return event;
}

type::v1::Event HistoryOf(const type::v1::Event& event) {
  type::v1::Event history = event;
  const Message* after = RecordIn(event.data());
  if (after == nullptr) return history;
  std::unique_ptr<Message> changed(after->New());
  std::unique_ptr<Message> copy(after->New());
  copy->CopyFrom(*after);
  std::vector<const FieldDescriptor*> fields;
  for (const std::string& path : event.changed_fields().paths()) {
    fields.push_back(after->GetDescriptor()->FindFieldByName(path.substr(0, path.find('.'))));
  }
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  changed->GetReflection()->SwapFields(copy.get(), changed.get(), fields);
  history.clear_data();
  SetResource(*changed, history.mutable_data());
  history.clear_tenant();
  history.clear_subject();
  history.clear_partition_key();
  return history;
}

std::string HashRequest(const std::string& method, const Message& request) {
  std::unique_ptr<Message> copy(request.New());
  copy->CopyFrom(request);
  const FieldDescriptor* id = copy->GetDescriptor()->FindFieldByName("request_id");
  if (id != nullptr) copy->GetReflection()->ClearField(copy.get(), id);
  std::string bytes = method;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy->SerializeToCodedStream(&coded);
  }
  return Sha256(bytes);
}

}  // namespace embudo::resource
