#include "common/filter/schema.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/options.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"

namespace embudo::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "filter schema: %s\n", what.c_str());
  std::abort();
}

bool IsIdentifier(const FieldDescriptor& field) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == google::api::IDENTIFIER) return true;
  }
  return false;
}

/// The resource type of the names in the field; empty if it holds none.
std::string ResourceTypeOf(const FieldDescriptor& field) {
  if (IsIdentifier(field)) return field.containing_type()->options().GetExtension(google::api::resource).type();
  return field.options().GetExtension(google::api::resource_reference).type();
}

/// Whether the field is kept in lower case: mail addresses and UTM values are.
bool IsLowerCase(const FieldDescriptor& field) {
  if (field.options().GetExtension(type::v1::rules).email()) return true;
  const bool has_utm = field.containing_type()->FindFieldByName("campaign") != nullptr;
  return has_utm && (field.name() == "source" || field.name() == "medium" || field.name() == "campaign");
}

std::optional<Type> TypeOf(const FieldDescriptor& field) {
  // What is computed at each reading is in no column, and in no event.
  if (field.options().GetExtension(type::v1::rules).derived()) return std::nullopt;
  if (field.is_map()) {
    // Reflection reads a map only by copying it, so the in-memory back end knows who has custom fields.
    for (const Descriptor* record : {type::v1::Lead::descriptor(), type::v1::Contact::descriptor()}) {
      if (&field == record->FindFieldByName("custom_fields")) return Type::kCustom;
    }
    return std::nullopt;
  }
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) return std::nullopt;
      if (ResourceTypeOf(field).empty()) return repeated ? Type::kTextSet : Type::kText;
      return repeated ? Type::kReferenceSet : Type::kReference;
    case FieldDescriptor::CPPTYPE_ENUM:
      return repeated ? Type::kEnumSet : Type::kEnum;
    default:
      break;
  }
  if (repeated) return std::nullopt;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Type::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return Type::kInt;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Type::kDouble;
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const std::string& name = field.message_type()->full_name();
      if (name == "google.type.Money") return Type::kMoney;
      if (name == "google.protobuf.Timestamp") return Type::kTime;
      if (name == "google.type.Date") return Type::kDate;
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

const Descriptor* FindResource(const FieldDescriptor& field, const std::string& type) {
  // Naming the type that imports every resource keeps the linker from leaving their descriptors out.
  static const std::string shared_package = type::v1::Resource::descriptor()->file()->package();
  const std::string simple_name = type.substr(type.find('/') + 1);
  for (const std::string& package : {field.file()->package(), shared_package}) {
    if (const Descriptor* found = field.file()->pool()->FindMessageTypeByName(package + "." + simple_name))
      return found;
  }
  Die("no message for the resource type " + type);
}

const FieldDescriptor* ConvertedAmount(const FieldDescriptor& field) {
  return TypeOf(field) == Type::kMoney ? field.containing_type()->FindFieldByName("converted_" + field.name())
                                       : nullptr;
}

/// Everything about the field that the descriptor tells; nothing if fields of its type can't be filtered by.
std::optional<Field> Describe(const Descriptor* message, std::string_view path) {
  Field field;
  field.path = path;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const FieldDescriptor* step =
        message == nullptr ? nullptr : message->FindFieldByName(std::string(path.substr(begin, end - begin)));
    if (step == nullptr) Die("no field " + std::string(path));
    field.chain.push_back(step);
    message = step->is_repeated() ? nullptr : step->message_type();
    begin = end + 1;
  }
  const FieldDescriptor& last = *field.chain.back();
  const auto type = TypeOf(last);
  if (!type) return std::nullopt;
  field.type = *type;
  field.converted = ConvertedAmount(last);
  field.enum_type = last.enum_type();
  if (*type == Type::kReference || *type == Type::kReferenceSet) {
    field.resource_type = ResourceTypeOf(last);
    field.resource = FindResource(last, field.resource_type);
    field.pattern.emplace(field.resource->options().GetExtension(google::api::resource).pattern(0));
  }
  field.column.case_insensitive = IsLowerCase(last);
  return field;
}

Field MustDescribe(const Descriptor* message, std::string_view path, Column column) {
  auto field = Describe(message, path);
  if (!field) Die("filters can't read the type of " + std::string(path));
  column.case_insensitive |= field->column.case_insensitive;
  field->column = column;
  return *std::move(field);
}

}  // namespace

bool Schema::CanRead(const FieldDescriptor& field) { return TypeOf(field).has_value(); }

Schema Schema::InMemory(const Descriptor* message) {
  Schema schema(message);
  for (int i = 0; i < message->field_count(); ++i) {
    if (auto field = Describe(message, message->field(i)->name())) schema.Add(*std::move(field));
  }
  return schema;
}

Schema& Schema::AddField(std::string_view path, std::string_view sql, Column column) {
  Field field = MustDescribe(message_, path, column);
  if (sql.empty()) Die("no SQL for " + field.path);
  field.sql = sql;
  if (field.type == Type::kReference) field.id_columns = {field.sql};
  return Add(std::move(field));
}

Schema& Schema::AddReference(std::string_view path, std::vector<std::string> id_columns, Column column) {
  Field field = MustDescribe(message_, path, column);
  if (field.type != Type::kReference) Die(field.path + " is no reference");
  field.id_columns = std::move(id_columns);
  if (field.id_columns.size() == 1) field.sql = field.id_columns[0];
  return Add(std::move(field));
}

Schema& Schema::AddInMemory(std::string_view path, Column column, std::vector<std::string> values) {
  Field field = MustDescribe(message_, path, column);
  field.values = std::move(values);
  return Add(std::move(field));
}

std::shared_ptr<const Field> Schema::Find(std::string_view path) const {
  const auto found = fields_.find(path);
  return found == fields_.end() ? nullptr : found->second;
}

Schema& Schema::Add(Field field) {
  if (!field.id_columns.empty() && field.id_columns.size() != field.pattern->variables()) {
    Die(field.path + " needs a column for each variable of " + field.pattern->text());
  }
  const bool in_memory = field.sql.empty() && field.id_columns.empty();
  if (!fields_.empty() && in_memory != in_memory_) Die("fields with SQL and without don't mix: " + field.path);
  in_memory_ = in_memory;
  auto added = std::make_shared<const Field>(std::move(field));
  fields_[added->path] = added;
  return *this;
}

std::string ShortName(const google::protobuf::EnumValueDescriptor& value) {
  // The first value is <PREFIX>_UNSPECIFIED, by buf's rules.
  constexpr std::string_view kZero = "UNSPECIFIED";
  const std::string& zero = value.type()->value(0)->name();
  return value.name().substr(zero.size() > kZero.size() ? zero.size() - kZero.size() : 0);
}

}  // namespace embudo::filter
