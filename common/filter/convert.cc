#include "common/filter/convert.h"

#include "common/base/ids.h"

namespace embudo::filter {
namespace {

template <class T>
Value OrNothing(const std::optional<T>& value) {
  return value ? Value(*value) : Value();
}

/// The parts of the text between slashes; at least one.
std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find('/', begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool IsVariable(std::string_view part) { return part.size() > 2 && part.front() == '{'; }

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
      expected = field.reference_pattern + (field.column.uuid_ids ? " with UUIDs" : "");
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
  const auto pattern = Split(field.reference_pattern);
  auto parts = Split(name);
  if (parts.size() == 1 && pattern.size() == 2) parts.insert(parts.begin(), pattern[0]);
  if (parts.size() != pattern.size()) return std::nullopt;
  std::string normal;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) normal += '/';
    if (!IsVariable(pattern[i])) {
      if (parts[i] != pattern[i]) return std::nullopt;
      normal += parts[i];
    } else if (field.column.uuid_ids) {
      const auto uuid = Uuid::Parse(parts[i]);
      if (!uuid) return std::nullopt;
      normal += uuid->ToString();
    } else {
      if (parts[i].empty()) return std::nullopt;
      normal += parts[i];
    }
  }
  return normal;
}

std::vector<std::string> IdsOf(const Field& field, std::string_view name) {
  const auto pattern = Split(field.reference_pattern);
  const auto parts = Split(name);
  std::vector<std::string> ids;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (IsVariable(pattern[i])) ids.emplace_back(parts[i]);
  }
  return ids;
}

}  // namespace embudo::filter
