#include "common/filter/convert.h"

#include "common/base/ids.h"

namespace embudo::filter {
namespace {

template <class T>
Value OrNothing(const std::optional<T>& value) {
  return value ? Value(*value) : Value();
}

Value Bool(const Literal& literal) {
  if (literal.text != "true" && literal.text != "false") return {};
  return literal.text == "true";
}

Value Enum(const Field& field, const Literal& literal, std::string& expected) {
  expected = "one of ";
  for (int i = 0; i < field.enum_type->value_count(); ++i) {
    const auto& value = *field.enum_type->value(i);
    if (value.number() == 0) continue;  // unset
    const std::string name = ShortName(value);
    if (literal.text == name || literal.text == value.name()) return &value;
    expected += (expected.back() == ' ' ? "" : ", ") + name;
  }
  return {};
}

Value Time(const Field& field, const Literal& literal) {
  if (literal.text == "now" && !literal.quoted) return Instant{};
  if (field.type == Type::kTime) {
    const auto time = ParseTime(literal.text);
    return time ? Value(Instant{.at = time}) : Value();
  }
  const auto day = ParseDay(literal.text);
  return day ? Value(Instant{.at = embudo::Time(*day)}) : Value();
}

}  // namespace

Value Convert(const Field& field, const Literal& literal, std::string& expected) {
  switch (field.type) {
    case Type::kBool:
      expected = "true or false";
      return Bool(literal);
    case Type::kInt:
      expected = "a whole number";
      return OrNothing(ParseInt(literal.text));
    case Type::kDouble:
      expected = "a number";
      return OrNothing(ParseDouble(literal.text));
    case Type::kMoney:
      expected = "an amount, for example 10000 or 99.50";
      return OrNothing(ParseDecimal(literal.text));
    case Type::kEnum:
    case Type::kEnumSet:
      return Enum(field, literal, expected);
    case Type::kTime:
      expected = "a time, for example 2026-11-23T18:00:00Z, a date or now";
      return Time(field, literal);
    case Type::kDate:
      expected = "a date, for example 2026-11-23, or now";
      return Time(field, literal);
    case Type::kTextSet:
      expected = "a text";
      return literal.text.empty() ? Value() : Value(std::vector<std::string>{literal.text});
    case Type::kReference:
    case Type::kReferenceSet: {
      expected = field.pattern->text() + (field.column.uuid_ids ? " with UUIDs" : "");
      const auto name = NormalName(field, literal.text);
      return name ? Value(std::vector<std::string>{*name}) : Value();
    }
    case Type::kText:
    case Type::kCustom:
      break;
  }
  return {};
}

std::optional<std::string> NormalName(const Field& field, std::string_view name) {
  const ResourcePattern& pattern = *field.pattern;
  std::optional<std::vector<std::string>> ids = pattern.Match(name);
  if (!ids && pattern.variables() == 1 && IsResourceId(name)) ids = {std::string(name)};
  if (!ids) return std::nullopt;
  if (field.column.uuid_ids) {
    for (std::string& id : *ids) {
      const auto uuid = Uuid::Parse(id);
      if (!uuid) return std::nullopt;
      id = uuid->ToString();
    }
  }
  return pattern.Build(*ids);
}

}  // namespace embudo::filter
