#include "common/filter/bind.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/filter/convert.h"
#include "common/filter/syntax.h"
#include "common/text/unicode.h"

namespace embudo::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr size_t kMaxNames = 1000;

Node Junction(Node::Kind kind, std::vector<Node> children) { return {.kind = kind, .children = std::move(children)}; }

Node Not(Node operand) {
  Node node{.kind = Node::Kind::kNot};
  node.children.push_back(std::move(operand));
  return node;
}

Node Ask(Test test, Op op, Value value = {}) {
  test.op = op;
  test.value = std::move(value);
  return {.kind = Node::Kind::kTest, .test = std::move(test)};
}

/// The operation of a comparator; `:` on a single value asks for equality.
Op OpOf(Comparator comparator) {
  switch (comparator) {
    case Comparator::kLess:
      return Op::kLess;
    case Comparator::kLessEqual:
      return Op::kLessEqual;
    case Comparator::kGreater:
      return Op::kGreater;
    case Comparator::kGreaterEqual:
      return Op::kGreaterEqual;
    default:
      return Op::kEqual;
  }
}

bool IsOrdering(Comparator comparator) { return OpOf(comparator) != Op::kEqual; }

/// `!=` is the negation of `=`.
Node Compare(Test test, Comparator comparator, Value value) {
  Node node = Ask(std::move(test), OpOf(comparator), std::move(value));
  return comparator == Comparator::kNotEqual ? Not(std::move(node)) : node;
}

bool IsSet(Type type) { return type == Type::kTextSet || type == Type::kEnumSet || type == Type::kReferenceSet; }

/// A name of a filter, found.
struct Named {
  /// With its prefix, as the filter names it.
  std::string name;
  Test test;
  /// Of `stage.display_name`: the field of the referenced resource.
  std::string resource_field;
};

class Binder {
 public:
  Binder(const Source& source, const Scope& scope, const Resolver& resolver, std::set<std::string>& fields)
      : source_(source), scope_(scope), resolver_(resolver), fields_(fields) {}

  absl::StatusOr<Node> Bind(const Syntax& syntax) {
    if (syntax.kind == Syntax::Kind::kRestriction) return Restriction(syntax);
    if (syntax.kind == Syntax::Kind::kCall) return Call(syntax);
    std::vector<Node> children;
    for (const Syntax& child : syntax.children) {
      EMBUDO_ASSIGN_OR_RETURN(Node node, Bind(child));
      children.push_back(std::move(node));
    }
    if (syntax.kind == Syntax::Kind::kNot) return Not(std::move(children[0]));
    return Junction(syntax.kind == Syntax::Kind::kOr ? Node::Kind::kOr : Node::Kind::kAnd, std::move(children));
  }

 private:
  absl::StatusOr<Node> Restriction(const Syntax& syntax) {
    if (syntax.name == "changed" && !scope_.changed.empty()) return Changed(syntax);
    EMBUDO_ASSIGN_OR_RETURN(Named named, Find(syntax.name, syntax.offset));
    const Type type = named.test.field->type;
    if (syntax.comparator == Comparator::kNone) {
      if (type == Type::kBool) return Ask(std::move(named.test), Op::kEqual, true);
      return source_.Error(syntax.offset, "expected a comparator after " + Quote(syntax.name));
    }
    const Literal& literal = syntax.arguments[0];
    if (!named.resource_field.empty()) return ByResourceField(std::move(named), syntax.comparator, literal);
    if (syntax.comparator == Comparator::kHas && literal.IsStar()) return Set(std::move(named), syntax.offset);
    const bool one_value = !IsSet(type);
    const bool ordered = one_value && type != Type::kBool && type != Type::kEnum && type != Type::kReference;
    if (IsOrdering(syntax.comparator) && !ordered) {
      return source_.Error(syntax.offset, named.name + " has no order; use " + (one_value ? "= or !=" : "\":\""));
    }
    if (syntax.comparator != Comparator::kHas && !one_value) {
      return source_.Error(syntax.offset, named.name + " holds several values; use \":\"");
    }
    return OfType(std::move(named), syntax.comparator, literal);
  }

  absl::StatusOr<Node> OfType(Named named, Comparator comparator, const Literal& literal) {
    const Field& field = *named.test.field;
    switch (field.type) {
      case Type::kText:
        return Text(std::move(named), comparator, literal);
      case Type::kCustom:
        return Custom(std::move(named), comparator, literal);
      case Type::kReference:
        if (literal.text.empty()) return Unset(std::move(named), comparator);
        break;
      default:
        break;
    }
    if (literal.HasWildcard()) return Wrong(named, literal, "no wildcards, which are for texts");
    std::string expected;
    Value value = Convert(field, literal, expected);
    if (std::holds_alternative<std::monostate>(value)) return Wrong(named, literal, expected);
    const bool in = field.type == Type::kReference || IsSet(field.type);
    Node node = Ask(std::move(named.test), in ? Op::kIn : OpOf(comparator), std::move(value));
    return comparator == Comparator::kNotEqual ? Not(std::move(node)) : node;
  }

  absl::StatusOr<Node> Text(Named named, Comparator comparator, const Literal& literal) {
    const Field& field = *named.test.field;
    const auto fold = [&](const std::string& text) {
      return field.column.case_insensitive ? text::ToLower(text) : text;
    };
    if (IsOrdering(comparator)) {
      if (literal.HasWildcard()) return Wrong(named, literal, "no wildcards, which are for = and !=");
      if (literal.text.empty()) return Wrong(named, literal, "a text to compare with");
      return Compare(std::move(named.test), comparator, fold(literal.text));
    }
    if (comparator != Comparator::kHas && literal.text.empty()) return Unset(std::move(named), comparator);
    if (comparator != Comparator::kHas && !literal.HasWildcard()) {
      if (!field.values.empty() &&
          std::find(field.values.begin(), field.values.end(), literal.text) == field.values.end()) {
        return source_.Error(literal.offset, "unknown value " + Quote(literal.text) + " of " + named.name +
                                                 DidYouMean(literal.text, field.values));
      }
      return Compare(std::move(named.test), comparator, fold(literal.text));
    }
    std::vector<std::string> pieces;
    if (comparator == Comparator::kHas) pieces.emplace_back();
    for (const std::string& piece : literal.pieces) pieces.push_back(fold(piece));
    if (comparator == Comparator::kHas) pieces.emplace_back();
    const bool any = std::all_of(pieces.begin(), pieces.end(), [](const auto& piece) { return piece.empty(); });
    Node node = any ? Ask(std::move(named.test), Op::kSet) : Ask(std::move(named.test), Op::kLike, std::move(pieces));
    return comparator == Comparator::kNotEqual ? Not(std::move(node)) : node;
  }

  absl::StatusOr<Node> Custom(Named named, Comparator comparator, const Literal& literal) {
    if (named.test.key.empty()) {  // custom_fields:region
      if (comparator != Comparator::kHas || literal.text.empty() || literal.HasWildcard()) {
        return Wrong(named, literal, "\":\" and a key, or " + named.name + ".<key>");
      }
      named.test.key = literal.text;
      named.test.path += "." + literal.text;
      fields_.insert(named.name + "." + literal.text);
      return Ask(std::move(named.test), Op::kSet);
    }
    if (literal.quoted) return Text(std::move(named), comparator, literal);
    if (const auto number = ParseDouble(literal.text)) return Compare(std::move(named.test), comparator, *number);
    if (literal.text != "true" && literal.text != "false") return Text(std::move(named), comparator, literal);
    if (IsOrdering(comparator)) return Wrong(named, literal, "= or != with true and false");
    return Compare(std::move(named.test), comparator, literal.text == "true");
  }

  /// `stage.display_name = "Proposal"`: in one of the stages of that name.
  absl::StatusOr<Node> ByResourceField(Named named, Comparator comparator, const Literal& literal) {
    const bool has = comparator == Comparator::kHas && IsSet(named.test.field->type);
    if (!has && comparator != Comparator::kEqual && comparator != Comparator::kNotEqual) {
      return Wrong(named, literal, "= or !=");
    }
    if (literal.HasWildcard()) return Wrong(named, literal, "no wildcards");
    if (!resolver_)
      return source_.Error(literal.offset, named.name + " can't be used here; compare with a resource name");
    EMBUDO_ASSIGN_OR_RETURN(std::vector<std::string> names,
                            resolver_(named.test.field->resource_type, named.resource_field, literal.text));
    if (names.size() > kMaxNames) {
      return source_.Error(literal.offset, "more than " + std::to_string(kMaxNames) + " resources have the " +
                                               named.resource_field + " " + Quote(literal.text));
    }
    for (std::string& name : names) {
      auto normal = NormalName(*named.test.field, name);
      if (!normal) return Internal("a resolver gave " + name + " for " + named.test.field->pattern->text());
      name = *std::move(normal);
    }
    std::sort(names.begin(), names.end());
    Node node = names.empty() ? Junction(Node::Kind::kOr, {}) : Ask(std::move(named.test), Op::kIn, std::move(names));
    return comparator == Comparator::kNotEqual ? Not(std::move(node)) : node;
  }

  /// `field = ""`: an empty text is an unset one.
  absl::StatusOr<Node> Unset(Named named, Comparator comparator) {
    Node set = Ask(std::move(named.test), Op::kSet);
    return comparator == Comparator::kNotEqual ? set : Not(std::move(set));
  }

  absl::StatusOr<Node> Set(Named named, size_t offset) {
    const Field& field = *named.test.field;
    const bool number = field.type == Type::kBool || field.type == Type::kInt || field.type == Type::kDouble;
    if (number && field.chain.size() == 1 && !field.chain[0]->has_presence()) {
      return source_.Error(offset, named.name + " is always set; compare it with " +
                                       (field.type == Type::kBool ? "true or false" : "a number"));
    }
    return Ask(std::move(named.test), Op::kSet);
  }

  absl::StatusOr<Node> Call(const Syntax& syntax) {
    static const std::vector<std::string> kFunctions = {"older_than", "newer_than", "within_next", "is_set"};
    const auto& arguments = syntax.arguments;
    if (std::find(kFunctions.begin(), kFunctions.end(), syntax.name) == kFunctions.end()) {
      return source_.Error(syntax.offset,
                           "unknown function " + Quote(syntax.name) + DidYouMean(syntax.name, kFunctions));
    }
    const bool is_set = syntax.name == "is_set";
    if (arguments.size() != (is_set ? 1 : 2)) {
      return source_.Error(syntax.offset,
                           is_set ? "expected is_set(field)" : "expected " + syntax.name + "(field, 3d)");
    }
    EMBUDO_ASSIGN_OR_RETURN(Named named, Find(arguments[0].text, arguments[0].offset));
    if (!named.resource_field.empty())
      return source_.Error(arguments[0].offset, "expected a field of the record itself");
    if (is_set) return Set(std::move(named), arguments[0].offset);
    if (named.test.field->type != Type::kTime && named.test.field->type != Type::kDate) {
      return source_.Error(arguments[0].offset, named.name + " is neither a time nor a date");
    }
    const auto duration = ParseDuration(arguments[1].text);
    if (!duration) return Wrong(named, arguments[1], "a duration, for example 3d or 12h");
    if (syntax.name == "older_than") return Ask(std::move(named.test), Op::kLess, Instant{.offset = -*duration});
    if (syntax.name == "newer_than") return Ask(std::move(named.test), Op::kGreater, Instant{.offset = -*duration});
    Node from_now = Ask(named.test, Op::kGreaterEqual, Instant{});
    Node until = Ask(std::move(named.test), Op::kLessEqual, Instant{.offset = *duration});
    return Junction(Node::Kind::kAnd, {std::move(from_now), std::move(until)});
  }

  absl::StatusOr<Node> Changed(const Syntax& syntax) {
    if (syntax.comparator != Comparator::kHas) return source_.Error(syntax.offset, "expected changed:<field>");
    const Literal& literal = syntax.arguments[0];
    fields_.insert("changed");
    Test test{.path = literal.IsStar() ? "" : literal.text};
    if (!test.path.empty() || !literal.IsStar()) {
      const std::string name = literal.text.substr(0, literal.text.find('.'));
      const bool known = std::any_of(scope_.changed.begin(), scope_.changed.end(), [&](const Descriptor* message) {
        return message->FindFieldByName(name) != nullptr;
      });
      if (!known) return source_.Error(literal.offset, "unknown field " + Quote(name) + DidYouMean(name, Changeable()));
    }
    return Ask(std::move(test), Op::kChanged);
  }

  std::vector<std::string> Changeable() const {
    std::vector<std::string> names;
    for (const Descriptor* message : scope_.changed) {
      for (int i = 0; i < message->field_count(); ++i) names.push_back(message->field(i)->name());
    }
    return names;
  }

  absl::StatusOr<Named> Find(const std::string& name, size_t offset) {
    for (const Mount& mount : scope_.mounts) {
      if (name.compare(0, mount.prefix.size(), mount.prefix) != 0) continue;
      auto named = FindIn(mount, std::string_view(name).substr(mount.prefix.size()), offset);
      if (!named.ok() || named->test.field != nullptr) return named;
    }
    for (const char* keyword : {"AND", "OR", "NOT"}) {
      if (text::ToLower(keyword) == text::ToLower(name)) {
        return source_.Error(offset, "unexpected " + Quote(name) + "; did you mean " + keyword + "?");
      }
    }
    return source_.Error(offset, "unknown field " + Quote(name) + DidYouMean(name, Names()));
  }

  /// Without a field if the mount has none of the name.
  absl::StatusOr<Named> FindIn(const Mount& mount, std::string_view path, size_t offset) {
    Named named;
    std::optional<std::string_view> rest;
    std::shared_ptr<const Field> field = mount.schema->Find(path);
    for (size_t dot = path.find('.'); field == nullptr && dot != std::string_view::npos;
         dot = path.find('.', dot + 1)) {
      field = mount.schema->Find(path.substr(0, dot));
      rest = path.substr(dot + 1);
    }
    if (field == nullptr) return named;
    named.name = mount.prefix + field->path;
    named.test.path = field->path;
    if (rest && field->type == Type::kCustom && !rest->empty()) {
      named.test.key = *rest;
      named.name += "." + named.test.key;
      named.test.path += "." + named.test.key;
    } else if (rest && field->resource != nullptr) {
      EMBUDO_RETURN_IF_ERROR(CheckResourceField(*field, *rest, offset));
      named.resource_field = *rest;
    } else if (rest) {
      return source_.Error(offset, named.name + " has no field " + Quote(*rest));
    }
    fields_.insert(named.name);
    if (!named.resource_field.empty()) named.name += "." + named.resource_field;
    named.test.chain = mount.chain;
    named.test.chain.insert(named.test.chain.end(), field->chain.begin(), field->chain.end());
    if (mount.previous_chain) {
      named.test.previous_chain = mount.previous_chain;
      named.test.previous_chain->insert(named.test.previous_chain->end(), field->chain.begin(), field->chain.end());
    }
    named.test.field = std::move(field);
    return named;
  }

  absl::Status CheckResourceField(const Field& field, std::string_view name, size_t offset) const {
    std::vector<std::string> texts;
    for (int i = 0; i < field.resource->field_count(); ++i) {
      const FieldDescriptor& each = *field.resource->field(i);
      if (each.type() == FieldDescriptor::TYPE_STRING && !each.is_repeated()) texts.push_back(each.name());
    }
    if (std::find(texts.begin(), texts.end(), name) != texts.end()) return absl::OkStatus();
    return source_.Error(offset, "unknown field " + Quote(name) + " of " + field.path + DidYouMean(name, texts));
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Mount& mount : scope_.mounts) {
      for (const auto& [path, field] : mount.schema->fields()) names.push_back(mount.prefix + path);
    }
    return names;
  }

  absl::Status Wrong(const Named& named, const Literal& literal, const std::string& expected) const {
    return source_.Error(literal.offset,
                         "wrong value " + Quote(literal.text) + " for " + named.name + "; expected " + expected);
  }

  const Source& source_;
  const Scope& scope_;
  const Resolver& resolver_;
  std::set<std::string>& fields_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Tree>> Compile(std::string_view text, const Scope& scope, const Resolver& resolver,
                                                    std::string_view field) {
  const Source source{text, field, "INVALID_FILTER"};
  EMBUDO_ASSIGN_OR_RETURN(const Syntax syntax, Parse(source));
  auto tree = std::make_shared<Tree>();
  tree->text = text;
  EMBUDO_ASSIGN_OR_RETURN(tree->root, Binder(source, scope, resolver, tree->fields).Bind(syntax));
  return std::shared_ptr<const Tree>(std::move(tree));
}

}  // namespace embudo::filter
