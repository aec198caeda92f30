#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/resource_name.h"
#include "common/db/result.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// How a proto field is kept in columns.
enum class Kind {
  kText,          ///< text, '' for unset
  kInt,           ///< int or bigint
  kDouble,        ///< double precision
  kBool,          ///< boolean
  kEnum,          ///< text: the value's name without its prefix, '' for unset
  kTime,          ///< timestamptz
  kDate,          ///< date
  kMoney,         ///< numeric in `<field>`, text in `<field>_currency`
  kReference,     ///< the ids of a resource name, one column a variable: `<field>_id`
  kReferenceSet,  ///< text[] of last ids
  kTextSet,       ///< text[]
  kEnumSet,       ///< text[] of names without prefix
  kJson,          ///< jsonb: repeated messages and maps, in protobuf's JSON form
};

struct Field {
  const google::protobuf::FieldDescriptor* descriptor;
  Kind kind;
  /// Indexes into Table::columns().
  std::vector<size_t> columns;
  /// Of references.
  std::optional<ResourcePattern> pattern;
  /// Type of the resource that a reference names (`embudo.dev/Stage`).
  std::string resource_type;
};

/// A record and the two counters that its message does not show.
struct Record {
  std::unique_ptr<google::protobuf::Message> message;
  /// Counts every change; a write names the version that it read.
  int64_t version = 0;
  /// Counts the changes that make the etag stale.
  int64_t revision = 0;
};

/// How one resource is kept in one table: which column holds which field, all derived from the descriptor and its
/// annotations; fields that the option `rules.derived` marks are in no column. Adding a field to a resource is its
/// proto and its migration, nothing else.
class Table {
 public:
  /// `name` is the table with its schema, quoted where SQL wants it (`pipeline."user"`). With a `history` table every
  /// change of a record is kept there as long as the record. Aborts on a descriptor that it can't map, which is a
  /// programming error.
  Table(const google::protobuf::Descriptor* descriptor, std::string name, std::string history = "");

  const google::protobuf::Descriptor* descriptor() const { return descriptor_; }
  const std::string& name() const { return name_; }
  /// Where changes are kept; empty: nowhere.
  const std::string& history() const { return history_; }
  /// The schema's name: the service's.
  const std::string& schema() const { return schema_; }
  /// `embudo.dev/Lead`.
  const std::string& resource_type() const { return resource_type_; }
  /// `leads/{lead}`.
  const ResourcePattern& pattern() const { return *pattern_; }
  /// The name's columns (`pipeline_id`, `stage_id`), the first of them those of the parent.
  const std::vector<std::string>& key_columns() const { return key_columns_; }
  /// Whether the resource's own ids are UUIDs.
  bool uuid_key() const { return uuid_key_; }
  const std::vector<std::string>& columns() const { return columns_; }
  const std::vector<Field>& fields() const { return fields_; }
  /// The mapped field of that name; nullptr if there is none.
  const Field* FindField(std::string_view name) const;
  bool has_column(std::string_view column) const;

  /// The columns as a select list, each with `alias.` before it, then revision and version. Of other fields than these
  /// (empty: all), NULL stands in their columns' places.
  std::string SelectList(std::string_view alias, const std::set<std::string>& fields = {}) const;
  /// A row of SelectList, beginning at column `first`, as a record.
  Record Read(const db::Row& row, int first = 0) const;
  /// The record's id columns, joined by '/': what a write statement finds it by.
  std::string KeyOf(const google::protobuf::Message& message) const;
  /// The ids in the record's name.
  std::vector<std::string> IdsOf(const google::protobuf::Message& message) const;

  /// Empty record of the resource.
  std::unique_ptr<google::protobuf::Message> New() const;

 private:
  void MapName();
  void MapField(const google::protobuf::FieldDescriptor* field);
  size_t Column(const std::string& name);

  const google::protobuf::Descriptor* descriptor_;
  std::string name_;
  std::string history_;
  std::string schema_;
  std::string resource_type_;
  std::optional<ResourcePattern> pattern_;
  std::vector<std::string> key_columns_;
  bool uuid_key_ = false;
  std::vector<std::string> columns_;
  std::vector<Field> fields_;
};

/// The pattern that a resource type's names have (`embudo.dev/Stage` → `pipelines/{pipeline}/stages/{stage}`), from the
/// generated descriptors; nullopt for a type that is not known.
std::optional<std::string> PatternOfType(std::string_view resource_type);
/// Whether the ids of a resource type are UUIDs, as those of records that come by the million are.
bool HasUuidIds(std::string_view resource_type);

/// A record's name and etag, by reflection.
std::string NameOf(const google::protobuf::Message& message);
void SetText(google::protobuf::Message* message, const char* field, const std::string& value);
std::string GetText(const google::protobuf::Message& message, const char* field);

/// The short name of an enum value: STATE_OPEN of Lead.State is OPEN.
std::string ShortName(const google::protobuf::EnumValueDescriptor* value);
/// The number of a short name; 0 for an unknown one.
int EnumNumber(const google::protobuf::EnumDescriptor* type, std::string_view short_name);

}  // namespace embudo::resource
