#include "common/filter/sql.h"

#include <utility>

namespace embudo::filter {
namespace {

std::string_view Symbol(Op op) {
  switch (op) {
    case Op::kLess:
      return " < ";
    case Op::kLessEqual:
      return " <= ";
    case Op::kGreater:
      return " > ";
    case Op::kGreaterEqual:
      return " >= ";
    default:
      return " = ";
  }
}

/// A LIKE pattern with the pieces as they are and anything between them.
std::string LikePattern(const std::vector<std::string>& pieces) {
  std::string pattern;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) pattern += '%';
    for (const char c : pieces[i]) {
      if (c == '%' || c == '_' || c == '\\') pattern += '\\';
      pattern += c;
    }
  }
  return pattern;
}

/// Writes conditions that are NULL, and so count as false, where a field is unset. NOT makes two values of three with
/// IS NOT TRUE; AND and OR keep NULL and false apart only in ways that don't show. Columns stay bare, for indexes.
class Writer {
 public:
  Writer(int first_parameter, Time now) : next_parameter_(first_parameter), now_(now) {}

  std::string Write(const Node& node) {
    switch (node.kind) {
      case Node::Kind::kAnd:
        return Join(node.children, " AND ", "TRUE");
      case Node::Kind::kOr:
        return Join(node.children, " OR ", "FALSE");
      case Node::Kind::kNot:
        return "(" + Write(node.children[0]) + ") IS NOT TRUE";
      case Node::Kind::kTest:
        return Write(node.test);
    }
    return "FALSE";
  }

  std::vector<std::string> TakeParameters() { return std::move(parameters_); }

 private:
  std::string Join(const std::vector<Node>& nodes, std::string_view between, std::string_view none) {
    if (nodes.empty()) return std::string(none);
    std::string text = "(";
    for (const Node& node : nodes) {
      if (text.size() > 1) text += between;
      text += Write(node);
    }
    return text + ")";
  }

  std::string Write(const Test& test) {
    const Field& field = *test.field;
    switch (field.type) {
      case Type::kText:
        return Text(test, field.sql);
      case Type::kEnum:
        return Enum(test);
      case Type::kReference:
        return Reference(test);
      case Type::kTextSet:
      case Type::kEnumSet:
      case Type::kReferenceSet:
        return Set(test);
      case Type::kCustom:
        return Custom(test);
      default:
        break;
    }
    if (test.op == Op::kSet) return field.sql + " IS NOT NULL";
    return field.sql + std::string(Symbol(test.op)) + Scalar(test);
  }

  std::string Scalar(const Test& test) {
    switch (test.field->type) {
      case Type::kBool:
        return std::get<bool>(test.value) ? "TRUE" : "FALSE";
      case Type::kInt:
        return Parameter(std::to_string(std::get<int64_t>(test.value)), "bigint");
      case Type::kDouble:
        return Parameter(FormatDouble(std::get<double>(test.value)), "float8");
      case Type::kMoney:
        return Parameter(std::get<Decimal>(test.value).ToString(), "numeric");
      case Type::kTime:
        return Parameter(FormatTime(std::get<Instant>(test.value).Resolve(now_)), "timestamptz");
      default: {
        const auto day = std::chrono::floor<std::chrono::days>(std::get<Instant>(test.value).Resolve(now_));
        return Parameter(FormatDate(ToDate(day)), "date");
      }
    }
  }

  /// Texts compare by code point, as in memory; '' is unset, and only it could be below another text.
  std::string Text(const Test& test, const std::string& sql) {
    switch (test.op) {
      case Op::kSet:
        return sql + " <> ''";
      case Op::kLike:
        return sql + " LIKE " + Parameter(LikePattern(std::get<std::vector<std::string>>(test.value)), "text");
      case Op::kEqual:
        // What is equal to a text is set. Said aloud, it lets indexes of what is set match, whatever the parameter.
        return "(" + sql + " <> '' AND " + sql + " = " + Parameter(std::get<std::string>(test.value), "text") + ")";
      default:
        break;
    }
    const std::string order =
        sql + " COLLATE \"C\"" + std::string(Symbol(test.op)) + Parameter(std::get<std::string>(test.value), "text");
    return test.op == Op::kLess || test.op == Op::kLessEqual ? "(" + sql + " <> '' AND " + order + ")" : order;
  }

  /// Enum values are constants of the program: written out, they let partial indexes match.
  static std::string EnumValue(const Test& test) {
    const auto& value = *std::get<const google::protobuf::EnumValueDescriptor*>(test.value);
    return test.field->column.enum_numbers ? std::to_string(value.number()) : "'" + ShortName(value) + "'";
  }

  static std::string Enum(const Test& test) {
    const Field& field = *test.field;
    if (test.op == Op::kSet) return field.sql + (field.column.enum_numbers ? " <> 0" : " <> ''");
    return field.sql + " = " + EnumValue(test);
  }

  std::string Reference(const Test& test) {
    const Field& field = *test.field;
    const auto& columns = field.id_columns;
    const std::string type = field.column.uuid_ids ? "uuid" : "text";
    if (test.op == Op::kSet) return columns.back() + (field.column.uuid_ids ? " IS NOT NULL" : " <> ''");
    const auto& names = std::get<std::vector<std::string>>(test.value);
    std::string list;
    for (const std::string& name : names) {
      std::string row;
      const auto ids = field.pattern->Match(name);
      for (const std::string& id : *ids) row += (row.empty() ? "" : ", ") + Parameter(id, type);
      list += (list.empty() ? "" : ", ") + (columns.size() == 1 ? row : "(" + row + ")");
    }
    std::string left;
    for (const std::string& column : columns) left += (left.empty() ? "" : ", ") + column;
    if (columns.size() > 1) left = "(" + left + ")";
    return names.size() == 1 ? left + " = " + list : left + " IN (" + list + ")";
  }

  std::string Set(const Test& test) {
    const Field& field = *test.field;
    if (test.op == Op::kSet) return "cardinality(" + field.sql + ") > 0";
    if (field.type == Type::kEnumSet) return EnumValue(test) + " = ANY(" + field.sql + ")";
    std::string list;
    for (const std::string& value : std::get<std::vector<std::string>>(test.value)) {
      const std::string element = field.type == Type::kTextSet ? value : field.pattern->Match(value)->back();
      list += (list.empty() ? "" : ", ") + Parameter(element);
    }
    return field.sql + " && ARRAY[" + list + "]::" + (field.column.uuid_ids ? "uuid[]" : "text[]");
  }

  std::string Custom(const Test& test) {
    const std::string& map = test.field->sql;
    if (test.key.empty()) return map + " <> '{}'::jsonb";
    const std::string key = Parameter(test.key, "text");
    const std::string text = "(" + map + " ->> " + key + ")";
    const std::string type = "jsonb_typeof(" + map + " -> " + key + ")";
    if (test.op == Op::kSet) return Text(test, text);
    if (const auto* number = std::get_if<double>(&test.value)) {
      return "CASE WHEN " + type + " = 'number' THEN " + text + "::float8" + std::string(Symbol(test.op)) +
             Parameter(FormatDouble(*number), "float8") + " END";
    }
    // Containment knows the type of the value, and an index on the column serves it.
    const std::string contains = map + " @> jsonb_build_object(" + key + ", ";
    if (const auto* boolean = std::get_if<bool>(&test.value)) return contains + (*boolean ? "TRUE)" : "FALSE)");
    if (test.op == Op::kEqual) return contains + Parameter(std::get<std::string>(test.value), "text") + ")";
    return "(" + type + " = 'string' AND " + Text(test, text) + ")";
  }

  std::string Parameter(std::string value) {
    parameters_.push_back(std::move(value));
    return "$" + std::to_string(next_parameter_++);
  }
  std::string Parameter(std::string value, const std::string& type) {
    return Parameter(std::move(value)) + "::" + type;
  }

  int next_parameter_;
  Time now_;
  std::vector<std::string> parameters_;
};

}  // namespace

Sql WriteSql(const Node& node, int first_parameter, Time now) {
  Writer writer(first_parameter, now);
  std::string clause = writer.Write(node);
  return {std::move(clause), writer.TakeParameters()};
}

}  // namespace embudo::filter
