#include "services/automation/mail/template_read.h"

#include <algorithm>

#include "google/api/resource.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"

namespace embudo::automation::mail {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// `STATE_OPEN` as people say it: `open`.
std::string WordOf(const google::protobuf::EnumValueDescriptor* value) {
  if (value->number() == 0) return "";
  const std::string zero = value->type()->FindValueByNumber(0)->name();
  std::string word = value->name().substr(zero.size() - std::string_view("UNSPECIFIED").size());
  for (char& c : word) c = c == '_' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return word;
}

Value OfText(std::string text) {
  Value value;
  value.empty = text.empty();
  value.text = std::move(text);
  return value;
}

Value OfNumber(double number) {
  Value value;
  value.kind = ValueKind::kNumber;
  value.empty = false;
  value.number = number;
  return value;
}

/// Whole numbers are counts: 0 is "not known".
Value OfCount(int64_t count) {
  Value value = OfNumber(static_cast<double>(count));
  value.empty = count == 0;
  return value;
}

Value OfJson(const google::protobuf::Value& json) {
  switch (json.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return OfNumber(json.number_value());
    case google::protobuf::Value::kBoolValue:
      return OfText(json.bool_value() ? "yes" : "no");
    case google::protobuf::Value::kStringValue:
      return OfText(json.string_value());
    case google::protobuf::Value::kStructValue: {
      // An amount of money.
      const auto& fields = json.struct_value().fields();
      Value value;
      value.kind = ValueKind::kMoney;
      const auto currency = fields.find("currency_code");
      const auto units = fields.find("units");
      if (currency == fields.end()) return {};
      value.money.set_currency_code(currency->second.string_value());
      if (units != fields.end()) {
        value.money.set_units(units->second.string_value().empty() ? static_cast<int64_t>(units->second.number_value())
                                                                   : std::atoll(units->second.string_value().c_str()));
      }
      if (const auto nanos = fields.find("nanos"); nanos != fields.end()) {
        value.money.set_nanos(static_cast<int32_t>(nanos->second.number_value()));
      }
      value.empty = false;
      return value;
    }
    default:
      return {};
  }
}

Value OfMap(const Message& record, const FieldDescriptor* field, const std::string& key) {
  const auto* reflection = record.GetReflection();
  const FieldDescriptor* key_field = field->message_type()->FindFieldByName("key");
  const FieldDescriptor* value_field = field->message_type()->FindFieldByName("value");
  for (int i = 0; i < reflection->FieldSize(record, field); ++i) {
    const Message& entry = reflection->GetRepeatedMessage(record, field, i);
    if (entry.GetReflection()->GetString(entry, key_field) != key) continue;
    return OfJson(static_cast<const google::protobuf::Value&>(entry.GetReflection()->GetMessage(entry, value_field)));
  }
  return {};
}

Value OfMessage(const Message& record, const FieldDescriptor* field, ValueKind kind) {
  Value value;
  value.kind = kind;
  if (!record.GetReflection()->HasField(record, field)) return value;
  value.empty = false;
  const Message& message = record.GetReflection()->GetMessage(record, field);
  if (kind == ValueKind::kMoney) {
    value.money = static_cast<const google::type::Money&>(message);
  } else if (kind == ValueKind::kDate) {
    value.day = FromDate(static_cast<const google::type::Date&>(message));
  } else {
    value.time = FromTimestamp(static_cast<const google::protobuf::Timestamp&>(message));
  }
  return value;
}

Value OfField(const Message& record, const FieldDescriptor* field, ValueKind kind) {
  const auto* reflection = record.GetReflection();
  if (field->is_repeated()) {
    Value value;
    value.kind = ValueKind::kList;
    for (int i = 0; i < reflection->FieldSize(record, field); ++i) {
      value.list.push_back(field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM
                               ? WordOf(reflection->GetRepeatedEnum(record, field, i))
                               : reflection->GetRepeatedString(record, field, i));
    }
    value.empty = value.list.empty();
    return value;
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return OfText(reflection->GetString(record, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return OfText(WordOf(reflection->GetEnum(record, field)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return OfText(reflection->GetBool(record, field) ? "yes" : "no");
    case FieldDescriptor::CPPTYPE_INT32:
      return OfCount(reflection->GetInt32(record, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return OfCount(reflection->GetInt64(record, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return OfNumber(reflection->GetDouble(record, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return OfMessage(record, field, kind);
    default:
      return {};
  }
}

/// The records behind a field that refers to some.
void Follow(const Message& record, const FieldDescriptor* field, const Records& records,
            std::vector<const Message*>& next) {
  const auto* reflection = record.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    if (reflection->HasField(record, field)) next.push_back(&reflection->GetMessage(record, field));
    return;
  }
  const int count = field->is_repeated() ? reflection->FieldSize(record, field) : 1;
  for (int i = 0; i < count; ++i) {
    const auto found = records.find(field->is_repeated() ? reflection->GetRepeatedString(record, field, i)
                                                         : reflection->GetString(record, field));
    if (found != records.end() && found->second != nullptr) next.push_back(found->second.get());
  }
}

}  // namespace

Value ReadValue(const BoundPath& path, const Scene& scene) {
  if (path.root == BoundPath::Root::kUnsubscribeLink) return OfText(scene.unsubscribe_link);
  if (path.root == BoundPath::Root::kToday) {
    Value value;
    value.kind = ValueKind::kDate;
    value.empty = false;
    value.day = scene.today;
    return value;
  }
  std::vector<const Message*> at;
  if (path.root == BoundPath::Root::kLead) {
    at.push_back(&scene.lead);
  } else if (const auto found = scene.records.find(scene.sender);
             found != scene.records.end() && found->second != nullptr) {
    at.push_back(found->second.get());
  }
  for (size_t i = 0; i + 1 < path.fields.size(); ++i) {
    std::vector<const Message*> next;
    for (const Message* record : at) Follow(*record, path.fields[i], scene.records, next);
    at = std::move(next);
  }
  if (at.empty()) return {};
  const FieldDescriptor* last = path.fields.back();
  if (!path.key.empty()) return OfMap(*at[0], last, path.key);
  if (path.kind != ValueKind::kList || last->is_repeated()) return OfField(*at[0], last, path.kind);
  // Of each record that a list names.
  Value value;
  value.kind = ValueKind::kList;
  for (const Message* record : at) {
    Value one = OfField(*record, last, path.kind);
    if (!one.empty) value.list.push_back(Format(one, {}));
  }
  value.empty = value.list.empty();
  return value;
}

}  // namespace embudo::automation::mail
