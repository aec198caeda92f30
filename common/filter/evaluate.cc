#include <algorithm>
#include <string_view>

#include "common/filter/tree.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"

namespace embudo::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsWithin(std::string_view path, std::string_view outer) {
  return path.substr(0, outer.size()) == outer && (path.size() == outer.size() || path[outer.size()] == '.');
}

/// Whether the field changed, as a whole or in part.
bool IsChanged(const FieldMask* changed, std::string_view path) {
  if (changed == nullptr) return false;
  if (path.empty()) return changed->paths_size() > 0;
  return std::any_of(changed->paths().begin(), changed->paths().end(),
                     [&](const std::string& each) { return IsWithin(each, path) || IsWithin(path, each); });
}

template <class T>
bool Holds(Op op, const T& value, const T& wanted) {
  switch (op) {
    case Op::kEqual:
      return value == wanted;
    case Op::kLess:
      return value < wanted;
    case Op::kLessEqual:
      return value <= wanted;
    case Op::kGreater:
      return value > wanted;
    case Op::kGreaterEqual:
      return value >= wanted;
    default:
      return op == Op::kSet;
  }
}

/// The same for a value that kSet has none of.
template <class T>
bool Holds(const Test& test, const T& value) {
  return test.op == Op::kSet || Holds(test.op, value, std::get<T>(test.value));
}

bool IsLike(std::string_view text, const std::vector<std::string>& pieces) {
  const std::string_view first = pieces.front();
  const std::string_view last = pieces.back();
  if (text.size() < first.size() + last.size()) return false;
  if (text.substr(0, first.size()) != first || text.substr(text.size() - last.size()) != last) return false;
  text = text.substr(first.size(), text.size() - first.size() - last.size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const size_t found = text.find(pieces[i]);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + pieces[i].size());
  }
  return true;
}

bool TextHolds(const Test& test, const std::string& text) {
  if (text.empty()) return false;
  if (test.op == Op::kLike) return IsLike(text, std::get<std::vector<std::string>>(test.value));
  if (test.op == Op::kIn) {
    const auto& wanted = std::get<std::vector<std::string>>(test.value);
    return std::binary_search(wanted.begin(), wanted.end(), text);
  }
  return Holds(test, text);
}

const google::protobuf::Map<std::string, google::protobuf::Value>& CustomFieldsOf(const Message& record) {
  if (record.GetDescriptor() == type::v1::Contact::descriptor()) {
    return static_cast<const type::v1::Contact&>(record).custom_fields();
  }
  return static_cast<const type::v1::Lead&>(record).custom_fields();
}

bool CustomHolds(const Test& test, const Message& record) {
  const auto& fields = CustomFieldsOf(record);
  if (test.key.empty()) return !fields.empty();
  const auto found = fields.find(test.key);
  if (found == fields.end()) return false;
  const google::protobuf::Value& value = found->second;
  switch (value.kind_case()) {
    case google::protobuf::Value::kStringValue:
      if (!std::holds_alternative<double>(test.value) && !std::holds_alternative<bool>(test.value)) {
        return TextHolds(test, value.string_value());
      }
      return false;
    case google::protobuf::Value::kNumberValue:
      return test.op == Op::kSet || (std::holds_alternative<double>(test.value) && Holds(test, value.number_value()));
    case google::protobuf::Value::kBoolValue:
      return test.op == Op::kSet || (std::holds_alternative<bool>(test.value) && Holds(test, value.bool_value()));
    case google::protobuf::Value::kStructValue:
    case google::protobuf::Value::kListValue:
      return test.op == Op::kSet;
    default:
      return false;
  }
}

bool TimeHolds(const Test& test, const Message& message, Time now) {
  if (test.op == Op::kSet) return true;
  const Time wanted = std::get<Instant>(test.value).Resolve(now);
  if (test.field->type == Type::kTime) {
    return Holds(test.op, FromTimestamp(static_cast<const google::protobuf::Timestamp&>(message)), wanted);
  }
  const auto& date = static_cast<const google::type::Date&>(message);
  const auto number = [](const google::type::Date& day) { return day.year() * 10000 + day.month() * 100 + day.day(); };
  return Holds(test.op, number(date), number(ToDate(std::chrono::floor<std::chrono::days>(wanted))));
}

bool SetHolds(const Test& test, const Message& message, const Reflection& reflection, const FieldDescriptor* field) {
  const int size = reflection.FieldSize(message, field);
  if (test.op == Op::kSet) return size > 0;
  for (int i = 0; i < size; ++i) {
    if (test.field->type == Type::kEnumSet) {
      const auto* wanted = std::get<const google::protobuf::EnumValueDescriptor*>(test.value);
      if (reflection.GetRepeatedEnumValue(message, field, i) == wanted->number()) return true;
    } else {
      std::string scratch;
      if (TextHolds(test, reflection.GetRepeatedStringReference(message, field, i, &scratch))) return true;
    }
  }
  return false;
}

int64_t IntOf(const Message& message, const Reflection& reflection, const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ? reflection.GetInt32(message, field)
                                                             : reflection.GetInt64(message, field);
}

/// What the test asks of `field` in the message that holds it.
bool FieldHolds(const Test& test, const Message& message, const FieldDescriptor* field, Time now) {
  const Reflection& reflection = *message.GetReflection();
  if (field->has_presence() && !reflection.HasField(message, field)) return false;
  switch (test.field->type) {
    case Type::kBool:
      return Holds(test, reflection.GetBool(message, field));
    case Type::kInt:
      return Holds(test, IntOf(message, reflection, field));
    case Type::kDouble:
      return Holds(test, reflection.GetDouble(message, field));
    case Type::kMoney: {
      const auto& money = static_cast<const google::type::Money&>(reflection.GetMessage(message, field));
      return Holds(test, Decimal{money.units(), money.nanos()});
    }
    case Type::kText:
    case Type::kReference: {
      std::string scratch;
      return TextHolds(test, reflection.GetStringReference(message, field, &scratch));
    }
    case Type::kEnum: {
      const int number = reflection.GetEnumValue(message, field);
      if (test.op == Op::kSet || number == 0) return number != 0;
      return number == std::get<const google::protobuf::EnumValueDescriptor*>(test.value)->number();
    }
    case Type::kTime:
    case Type::kDate:
      return TimeHolds(test, reflection.GetMessage(message, field), now);
    case Type::kTextSet:
    case Type::kEnumSet:
    case Type::kReferenceSet:
      return SetHolds(test, message, reflection, field);
    case Type::kCustom:
      return CustomHolds(test, message);
  }
  return false;
}

bool TestHolds(const Test& test, const Subject& subject) {
  if (test.op == Op::kChanged) return IsChanged(subject.changed, test.path);
  const Message* message = &subject.record;
  const Chain* chain = &test.chain;
  if (test.previous_chain) {
    if (subject.previous == nullptr) return false;
    if (IsChanged(subject.changed, test.path)) {
      message = subject.previous;
      chain = &*test.previous_chain;
    }
  }
  for (size_t i = 0; i + 1 < chain->size(); ++i) {
    const Reflection& reflection = *message->GetReflection();
    if (!reflection.HasField(*message, (*chain)[i])) return false;
    message = &reflection.GetMessage(*message, (*chain)[i]);
  }
  const FieldDescriptor* converted = test.field->converted;
  const bool convert = converted != nullptr && message->GetReflection()->HasField(*message, converted);
  return FieldHolds(test, *message, convert ? converted : chain->back(), subject.now);
}

}  // namespace

bool Evaluate(const Node& node, const Subject& subject) {
  const auto holds = [&](const Node& child) { return Evaluate(child, subject); };
  switch (node.kind) {
    case Node::Kind::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), holds);
    case Node::Kind::kOr:
      return std::any_of(node.children.begin(), node.children.end(), holds);
    case Node::Kind::kNot:
      return !Evaluate(node.children[0], subject);
    case Node::Kind::kTest:
      return TestHolds(node.test, subject);
  }
  return false;
}

}  // namespace embudo::filter
