#include "common/resource/rows.h"

#include <unordered_map>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/resource/json_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"

namespace embudo::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// What a column holds that is not one of the table's own (those count from 0).
constexpr int kNothing = -1;
constexpr int kTenant = -2;
constexpr int kRevision = -3;
constexpr int kVersion = -4;
// jsonb's binary form begins with the version of that form.
constexpr char kJsonbVersion = 1;

template <class T>
const T& Sub(const Reflection* reflection, const Message& message, const FieldDescriptor* field) {
  return static_cast<const T&>(reflection->GetMessage(message, field));
}

void AppendInt(std::string& out, uint32_t type, int64_t value) {
  if (type == db::type_id::kInt8) return db::AppendInt64(out, value);
  if (type == db::type_id::kInt2) return db::AppendInt16(out, static_cast<int16_t>(value));
  db::AppendInt32(out, static_cast<int32_t>(value));
}

int64_t IntOf(const Reflection* reflection, const Message& message, const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ? reflection->GetInt32(message, field)
                                                             : reflection->GetInt64(message, field);
}

template <class Item>
void AppendTexts(std::string& out, int size, const Item& item) {
  std::vector<std::string> items;
  items.reserve(static_cast<size_t>(size));
  for (int i = 0; i < size; ++i) items.push_back(item(i));
  db::AppendTextArray(out, items);
}

// The columns of one kind whose value is one piece of bytes.
void AppendScalar(std::string& out, const Field& field, uint32_t type, const Reflection* reflection,
                  const Message& message) {
  const FieldDescriptor* descriptor = field.descriptor;
  std::string scratch;
  switch (field.kind) {
    case Kind::kText:
      out = reflection->GetStringReference(message, descriptor, &scratch);
      return;
    case Kind::kInt:
      return AppendInt(out, type, IntOf(reflection, message, descriptor));
    case Kind::kDouble:
      return db::AppendFloat8(out, reflection->GetDouble(message, descriptor));
    case Kind::kBool:
      out += reflection->GetBool(message, descriptor) ? '\1' : '\0';
      return;
    case Kind::kEnum:
      out = ShortName(reflection->GetEnum(message, descriptor));
      return;
    case Kind::kTime:
      return db::AppendTime(out, FromTimestamp(Sub<google::protobuf::Timestamp>(reflection, message, descriptor)));
    case Kind::kDate:
      return db::AppendDate(out, FromDate(Sub<google::type::Date>(reflection, message, descriptor)));
    case Kind::kReferenceSet:
      return AppendTexts(out, reflection->FieldSize(message, descriptor), [&](int i) {
        const auto ids = field.pattern->Match(reflection->GetRepeatedString(message, descriptor, i));
        return ids ? ids->back() : std::string();
      });
    case Kind::kTextSet:
      return AppendTexts(out, reflection->FieldSize(message, descriptor),
                         [&](int i) { return reflection->GetRepeatedString(message, descriptor, i); });
    case Kind::kEnumSet:
      return AppendTexts(out, reflection->FieldSize(message, descriptor),
                         [&](int i) { return ShortName(reflection->GetRepeatedEnum(message, descriptor, i)); });
    case Kind::kJson:
      out += kJsonbVersion;
      out += JsonOfField(message, descriptor);
      return;
    case Kind::kMoney:
    case Kind::kReference:
      return;
  }
}

}  // namespace

absl::StatusOr<Rows> Rows::For(db::Connection& connection, const Table& table, const std::string& like) {
  EMBUDO_ASSIGN_OR_RETURN(std::shared_ptr<const db::RowType> type,
                          connection.RowTypeOf(like.empty() ? table.name() : like));
  return Rows(table, std::move(type));
}

Rows::Rows(const Table& table, std::shared_ptr<const db::RowType> type)
    : table_(&table), type_(std::move(type)), types_(table.columns().size()), values_(table.columns().size()) {
  std::unordered_map<std::string_view, int> known = {
      {"tenant_id", kTenant}, {"revision", kRevision}, {"version", kVersion}};
  for (size_t i = 0; i < table.columns().size(); ++i) known.emplace(table.columns()[i], static_cast<int>(i));
  for (const db::RowType::Column& column : type_->columns) {
    const auto found = known.find(column.name);
    sources_.push_back(found == known.end() ? kNothing : found->second);
    if (sources_.back() >= 0) types_[static_cast<size_t>(sources_.back())] = column.type;
  }
}

std::string* Rows::Value(size_t column) {
  // Two fields may share a column (pipeline and stage's pipeline); the one that is set wins.
  return values_[column] ? nullptr : &values_[column].emplace();
}

void Rows::FillIds(const std::vector<size_t>& columns, const std::vector<std::string>& ids) {
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string* value = Value(columns[i]);
    if (value == nullptr) continue;
    const auto uuid = types_[columns[i]] == db::type_id::kUuid ? Uuid::Parse(ids[i]) : std::nullopt;
    if (uuid) {
      db::AppendUuid(*value, *uuid);
    } else {
      *value = ids[i];
    }
  }
}

void Rows::FillField(const Field& field, const Reflection* reflection, const Message& message) {
  const FieldDescriptor* descriptor = field.descriptor;
  const bool unset = descriptor->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !descriptor->is_repeated() &&
                     !reflection->HasField(message, descriptor);
  if (unset) return;
  if (field.kind == Kind::kReference) {
    std::string scratch;
    const auto ids = field.pattern->Match(reflection->GetStringReference(message, descriptor, &scratch));
    if (ids) FillIds(field.columns, *ids);
    return;
  }
  std::string* value = Value(field.columns[0]);
  if (value == nullptr) return;
  if (field.kind != Kind::kMoney) return AppendScalar(*value, field, types_[field.columns[0]], reflection, message);
  const auto& money = Sub<google::type::Money>(reflection, message, descriptor);
  db::AppendNumeric(*value, money.units(), money.nanos());
  *Value(field.columns[1]) = money.currency_code();
}

void Rows::Add(std::string_view tenant, const Record& record) {
  for (auto& value : values_) value.reset();
  std::vector<size_t> key(table_->key_columns().size());
  for (size_t i = 0; i < key.size(); ++i) key[i] = i;
  FillIds(key, table_->IdsOf(*record.message));
  // Asking each message for its reflection anew takes as long as half of what is done with it.
  const Reflection* reflection = record.message->GetReflection();
  for (const Field& field : table_->fields()) FillField(field, reflection, *record.message);

  ++count_;
  db::LengthPrefix row(rows_);
  db::AppendInt32(rows_, static_cast<int32_t>(sources_.size()));
  for (size_t i = 0; i < sources_.size(); ++i) {
    const uint32_t type = type_->columns[i].type;
    db::AppendInt32(rows_, static_cast<int32_t>(type));
    const int source = sources_[i];
    if (source == kNothing || (source >= 0 && !values_[static_cast<size_t>(source)])) {
      db::AppendInt32(rows_, -1);
      continue;
    }
    db::LengthPrefix length(rows_);
    if (source == kTenant) rows_ += tenant;
    if (source == kRevision) AppendInt(rows_, type, record.revision);
    if (source == kVersion) AppendInt(rows_, type, record.version);
    if (source >= 0) rows_ += *values_[static_cast<size_t>(source)];
    length.Close();
  }
  row.Close();
}

db::Binary Rows::Finish() const {
  db::Binary out;
  db::AppendArrayHeader(out.bytes, type_->id, count_, false);
  out.bytes += rows_;
  return out;
}

}  // namespace embudo::resource
