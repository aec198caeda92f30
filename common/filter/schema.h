#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/resource_name.h"
#include "google/protobuf/descriptor.h"

namespace embudo::filter {

/// What a field holds, and so how it compares.
enum class Type {
  kBool,
  kInt,
  kDouble,
  kMoney,  ///< by its amount
  kText,
  kEnum,  ///< by the short names of its values
  kTime,
  kDate,
  kReference,     ///< by the resource name
  kTextSet,       ///< repeated string
  kEnumSet,       ///< repeated enum
  kReferenceSet,  ///< repeated resource name
  kCustom,        ///< map<string, google.protobuf.Value>: each key is a field of its own
};

/// How a column keeps what the proto field holds, where that is not plain from the type: ids and enums are text there
/// (the last part of a resource name; the short name of an enum value), sets are arrays, custom fields a jsonb.
struct Column {
  /// The text is kept in lower case, and filters are folded to it. So it always is for mail addresses and UTM values.
  bool case_insensitive = false;
  /// Ids are of type uuid.
  bool uuid_ids = false;
  /// Enums are stored by number.
  bool enum_numbers = false;
};

/// A field that filters and order_by may name.
struct Field {
  std::string path;
  Type type = Type::kText;
  /// A column, or an expression in parentheses. Empty for references with several ids, and for fields in memory.
  std::string sql;
  /// Of a reference: the columns of its ids, in the order of its pattern's variables.
  std::vector<std::string> id_columns;
  Column column;
  const google::protobuf::EnumDescriptor* enum_type = nullptr;
  /// Of references: what they refer to, its type (`embudo.dev/Stage`) and its names.
  const google::protobuf::Descriptor* resource = nullptr;
  std::string resource_type;
  std::optional<ResourcePattern> pattern;
  /// Of a text: the values that it can have. Empty: any.
  std::vector<std::string> values;
  /// The way from the record to the field.
  std::vector<const google::protobuf::FieldDescriptor*> chain;
  /// Of an amount: the field beside it that holds it in the tenant's currency, by which amounts of several currencies
  /// compare. Read where it is set.
  const google::protobuf::FieldDescriptor* converted = nullptr;
};

/// The filterable fields of a message. Types come from the descriptor; what is added here is how SQL reads a field.
/// A field that is added again replaces the one before. A wrong path is a bug of the program and ends it.
class Schema {
 public:
  explicit Schema(const google::protobuf::Descriptor* message) : message_(message) {}
  /// Whether filters can read the field's type: not maps and repeated messages.
  static bool CanRead(const google::protobuf::FieldDescriptor& field);
  /// Every field that can be filtered by, for records in memory: no ToSql.
  static Schema InMemory(const google::protobuf::Descriptor* message);

  /// Adds a field that SQL reads by an expression: a column or anything in parentheses.
  Schema& AddField(std::string_view path, std::string_view sql, Column column = {});
  /// Adds a reference whose name has several ids: `AddReference("stage", {"l.pipeline_id", "l.stage_id"})`.
  Schema& AddReference(std::string_view path, std::vector<std::string> id_columns, Column column = {});
  /// Adds a field for records in memory. `values`: those that a text can have, if it is a closed list.
  Schema& AddInMemory(std::string_view path, Column column = {}, std::vector<std::string> values = {});

  const google::protobuf::Descriptor* message() const { return message_; }
  const std::map<std::string, std::shared_ptr<const Field>, std::less<>>& fields() const { return fields_; }
  /// nullptr if there is none.
  std::shared_ptr<const Field> Find(std::string_view path) const;

 private:
  Schema& Add(Field field);

  const google::protobuf::Descriptor* message_;
  bool in_memory_ = false;
  std::map<std::string, std::shared_ptr<const Field>, std::less<>> fields_;
};

/// The name of an enum value without the enum's prefix: `WON` for STATE_WON.
std::string ShortName(const google::protobuf::EnumValueDescriptor& value);

}  // namespace embudo::filter
