#include "common/resource/table.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/money.h"
#include "common/resource/json_field.h"
#include "embudo/type/v1/options.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"

namespace embudo::resource {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "resource table: %s\n", what.c_str());
  std::abort();
}

std::string TypeOfReference(const FieldDescriptor* field) {
  return field->options().GetExtension(google::api::resource_reference).type();
}

Kind KindOf(const FieldDescriptor* field) {
  const bool reference = !TypeOfReference(field).empty();
  if (field->is_map()) return Kind::kJson;
  if (field->is_repeated()) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return Kind::kJson;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return Kind::kEnumSet;
    return reference ? Kind::kReferenceSet : Kind::kTextSet;
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reference ? Kind::kReference : Kind::kText;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return Kind::kInt;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Kind::kDouble;
    case FieldDescriptor::CPPTYPE_BOOL:
      return Kind::kBool;
    case FieldDescriptor::CPPTYPE_ENUM:
      return Kind::kEnum;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field->message_type() == google::protobuf::Timestamp::descriptor()) return Kind::kTime;
      if (field->message_type() == google::type::Date::descriptor()) return Kind::kDate;
      if (field->message_type() == google::type::Money::descriptor()) return Kind::kMoney;
      return Kind::kJson;
    default:
      Die("no column kind for " + field->full_name());
  }
}

/// STATE_UNSPECIFIED is the zero value of every enum; how long is what stands before UNSPECIFIED.
size_t PrefixOf(const google::protobuf::EnumDescriptor* type) {
  return type->FindValueByNumber(0)->name().size() - std::string_view("UNSPECIFIED").size();
}

template <class T>
T& Sub(Message* message, const FieldDescriptor* field) {
  return static_cast<T&>(*message->GetReflection()->MutableMessage(message, field));
}

template <class T>
const T& Sub(const Message& message, const FieldDescriptor* field) {
  return static_cast<const T&>(message.GetReflection()->GetMessage(message, field));
}

}  // namespace

std::string ShortName(const google::protobuf::EnumValueDescriptor* value) {
  return value->number() == 0 ? "" : value->name().substr(PrefixOf(value->type()));
}

int EnumNumber(const google::protobuf::EnumDescriptor* type, std::string_view short_name) {
  const size_t prefix = PrefixOf(type);
  for (int i = 0; i < type->value_count(); ++i) {
    const google::protobuf::EnumValueDescriptor* const value = type->value(i);
    if (value->number() != 0 && std::string_view(value->name()).substr(prefix) == short_name) return value->number();
  }
  return 0;
}

std::optional<std::string> PatternOfType(std::string_view resource_type) {
  // Every resource of the API is a message embudo.<package>.v1.<Type>.
  const std::string type(resource_type.substr(resource_type.find('/') + 1));
  for (const char* package : {"type", "pipeline", "capture", "scoring", "automation", "reporting"}) {
    const Descriptor* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
        std::string("embudo.") + package + ".v1." + type);
    if (descriptor != nullptr && descriptor->options().HasExtension(google::api::resource)) {
      return descriptor->options().GetExtension(google::api::resource).pattern(0);
    }
  }
  return std::nullopt;
}

bool HasUuidIds(std::string_view resource_type) {
  for (const std::string_view type : {"Lead", "Contact", "Activity", "Message", "Touch", "Attachment", "Approval",
                                      "Notification", "Quote", "Order"}) {
    if (resource_type.substr(resource_type.find('/') + 1) == type) return true;
  }
  return false;
}

Table::Table(const Descriptor* descriptor, std::string name, std::string history)
    : descriptor_(descriptor), name_(std::move(name)), history_(std::move(history)) {
  schema_ = name_.substr(0, name_.find('.'));
  const auto& resource = descriptor->options().GetExtension(google::api::resource);
  if (resource.pattern_size() == 0) Die(descriptor->full_name() + " has no google.api.resource");
  resource_type_ = resource.type();
  pattern_.emplace(resource.pattern(0));
  uuid_key_ = HasUuidIds(resource_type_);
  MapName();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    const bool derived = field->options().GetExtension(type::v1::rules).derived();
    if (field->name() != "name" && field->name() != "etag" && !derived) MapField(field);
  }
}

void Table::MapName() {
  const std::string& text = pattern_->text();
  for (size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1)) {
    key_columns_.push_back(text.substr(open + 1, text.find('}', open) - open - 1) + "_id");
    Column(key_columns_.back());
  }
}

void Table::MapField(const FieldDescriptor* field) {
  Field mapped{field, KindOf(field), {}, std::nullopt, TypeOfReference(field)};
  const std::string& name = field->name();
  if (mapped.kind == Kind::kReference || mapped.kind == Kind::kReferenceSet) {
    const auto pattern = PatternOfType(mapped.resource_type);
    if (!pattern) Die(field->full_name() + " refers to unknown " + mapped.resource_type);
    mapped.pattern.emplace(*pattern);
  }
  if (mapped.kind == Kind::kReference) {
    // `stage` is (pipeline_id, stage_id): outer variables by their own name, the last by the field's.
    size_t open = mapped.pattern->text().find('{');
    for (size_t i = 0; i + 1 < mapped.pattern->variables(); ++i) {
      const std::string& text = mapped.pattern->text();
      mapped.columns.push_back(Column(text.substr(open + 1, text.find('}', open) - open - 1) + "_id"));
      open = text.find('{', open + 1);
    }
    mapped.columns.push_back(Column(name + "_id"));
  } else {
    mapped.columns.push_back(Column(name));
    if (mapped.kind == Kind::kMoney) mapped.columns.push_back(Column(name + "_currency"));
  }
  fields_.push_back(std::move(mapped));
}

size_t Table::Column(const std::string& name) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] == name) return i;
  }
  columns_.push_back(name);
  return columns_.size() - 1;
}

const Field* Table::FindField(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.descriptor->name() == name) return &field;
  }
  return nullptr;
}

bool Table::has_column(std::string_view column) const {
  for (const std::string& name : columns_) {
    if (name == column) return true;
  }
  return false;
}

std::string Table::SelectList(std::string_view alias, const std::set<std::string>& fields) const {
  std::vector<bool> wanted(columns_.size(), fields.empty());
  for (size_t i = 0; i < key_columns_.size(); ++i) wanted[i] = true;
  for (const Field& field : fields_) {
    if (!fields.contains(field.descriptor->name())) continue;
    for (const size_t column : field.columns) wanted[column] = true;
  }
  const std::string prefix = std::string(alias) + ".";
  std::string out;
  for (size_t i = 0; i < columns_.size(); ++i) out += (wanted[i] ? prefix + columns_[i] : "NULL") + ", ";
  return out + prefix + "revision, " + prefix + "version";
}

namespace {

std::vector<std::string> WithParents(const Field& field, const Message& message, const std::string& id) {
  if (field.pattern->variables() == 1) return {id};
  const auto& resource = message.GetDescriptor()->options().GetExtension(google::api::resource);
  std::vector<std::string> ids =
      ResourcePattern(resource.pattern(0)).Match(NameOf(message)).value_or(std::vector<std::string>());
  ids.resize(field.pattern->variables() - 1);
  ids.push_back(id);
  return ids;
}

void ReadField(const Field& field, const db::Row& row, int first, const Reflection* reflection, Message* message) {
  const FieldDescriptor* descriptor = field.descriptor;
  const int column = first + static_cast<int>(field.columns.back());
  if (row.IsNull(field.kind == Kind::kMoney ? first + static_cast<int>(field.columns[0]) : column)) return;
  switch (field.kind) {
    case Kind::kText:
      if (const std::string_view text = row.Text(column); !text.empty() || descriptor->has_presence()) {
        reflection->SetString(message, descriptor, std::string(text));
      }
      break;
    case Kind::kInt:
      if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
        reflection->SetInt32(message, descriptor, static_cast<int32_t>(row.Int(column)));
      } else {
        reflection->SetInt64(message, descriptor, row.Int(column));
      }
      break;
    case Kind::kDouble:
      reflection->SetDouble(message, descriptor, row.Double(column));
      break;
    case Kind::kBool:
      reflection->SetBool(message, descriptor, row.Bool(column));
      break;
    case Kind::kEnum:
      reflection->SetEnumValue(message, descriptor, EnumNumber(descriptor->enum_type(), row.Text(column)));
      break;
    case Kind::kTime:
      Sub<google::protobuf::Timestamp>(message, descriptor) = ToTimestamp(row.TimeAt(column));
      break;
    case Kind::kDate: {
      auto& date = Sub<google::type::Date>(message, descriptor);
      date = ToDate(std::chrono::floor<std::chrono::days>(row.TimeAt(column)));
      break;
    }
    case Kind::kMoney: {
      const int amount = first + static_cast<int>(field.columns[0]);
      auto money = MoneyFromNumeric(row.Text(amount), row.Text(column));
      if (money.ok()) Sub<google::type::Money>(message, descriptor) = *money;
      break;
    }
    case Kind::kReference: {
      std::vector<std::string> ids;
      for (const size_t index : field.columns) ids.emplace_back(row.Text(first + static_cast<int>(index)));
      reflection->SetString(message, descriptor, field.pattern->Build(ids));
      break;
    }
    case Kind::kReferenceSet:
      for (const std::string& id : row.TextArray(column)) {
        // What lies under the same parent (`leads/{lead}/attachments/{attachment}`) is kept by its last id.
        reflection->AddString(message, descriptor, field.pattern->Build(WithParents(field, *message, id)));
      }
      break;
    case Kind::kTextSet:
      for (const std::string& item : row.TextArray(column)) reflection->AddString(message, descriptor, item);
      break;
    case Kind::kEnumSet:
      for (const std::string& item : row.TextArray(column)) {
        reflection->AddEnumValue(message, descriptor, EnumNumber(descriptor->enum_type(), item));
      }
      break;
    case Kind::kJson:
      SetFieldFromJson(row.Text(column), descriptor, message);
      break;
  }
}

}  // namespace

Record Table::Read(const db::Row& row, int first) const {
  Record record{New(), 0, 0};
  std::vector<std::string> ids;
  for (size_t i = 0; i < key_columns_.size(); ++i) ids.emplace_back(row.Text(first + static_cast<int>(i)));
  SetText(record.message.get(), "name", pattern_->Build(ids));
  const Reflection* const reflection = record.message->GetReflection();
  for (const Field& field : fields_) ReadField(field, row, first, reflection, record.message.get());
  const int counters = first + static_cast<int>(columns_.size());
  record.revision = row.Int(counters);
  record.version = row.Int(counters + 1);
  SetText(record.message.get(), "etag", std::to_string(record.revision));
  return record;
}

std::string Table::KeyOf(const Message& message) const {
  std::string key;
  for (const std::string& id : IdsOf(message)) {
    if (!key.empty()) key += '/';
    key += id;
  }
  return key;
}

std::vector<std::string> Table::IdsOf(const Message& message) const {
  return pattern_->Match(NameOf(message)).value_or(std::vector<std::string>(key_columns_.size()));
}

std::unique_ptr<Message> Table::New() const {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor_)->New());
}

std::string NameOf(const Message& message) { return GetText(message, "name"); }

void SetText(Message* message, const char* field, const std::string& value) {
  const FieldDescriptor* descriptor = message->GetDescriptor()->FindFieldByName(field);
  if (descriptor != nullptr) message->GetReflection()->SetString(message, descriptor, value);
}

std::string GetText(const Message& message, const char* field) {
  const FieldDescriptor* descriptor = message.GetDescriptor()->FindFieldByName(field);
  return descriptor == nullptr ? "" : message.GetReflection()->GetString(message, descriptor);
}

}  // namespace embudo::resource
