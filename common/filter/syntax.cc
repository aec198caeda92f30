#include "common/filter/syntax.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/filter/lexer.h"

namespace embudo::filter {
namespace {

constexpr size_t kMaxCharacters = 4000;
constexpr int kMaxRestrictions = 200;
constexpr int kMaxDepth = 50;

/// The field and comparator before the parentheses of `state = (WON OR LOST)`.
struct Comparand {
  std::string name;
  Comparator comparator;
  size_t offset;
};

/// A recursive-descent parser; each function is a rule of AIP-160's grammar and begins at the current token.
class Parser {
 public:
  explicit Parser(const Source& source) : source_(source), lexer_(source) {}

  absl::StatusOr<Syntax> Filter() {
    EMBUDO_RETURN_IF_ERROR(Advance());
    if (token_.kind == Token::Kind::kEnd) return Syntax{};
    EMBUDO_ASSIGN_OR_RETURN(Syntax filter, Expression(nullptr));
    if (token_.kind != Token::Kind::kEnd) return Unexpected("AND, OR or the end");
    return filter;
  }

 private:
  // expression = sequence {AND sequence}, sequence = factor {factor}: both are conjunctions.
  absl::StatusOr<Syntax> Expression(const Comparand* comparand) {
    Syntax all{.kind = Syntax::Kind::kAnd, .offset = token_.offset};
    while (true) {
      EMBUDO_ASSIGN_OR_RETURN(Syntax factor, Factor(comparand));
      all.children.push_back(std::move(factor));
      if (token_.IsWord("AND")) {
        EMBUDO_RETURN_IF_ERROR(Advance());
      } else if (token_.kind == Token::Kind::kEnd || token_.kind == Token::Kind::kClose) {
        return Unwrap(std::move(all));
      }
    }
  }

  // factor = term {OR term}
  absl::StatusOr<Syntax> Factor(const Comparand* comparand) {
    Syntax any{.kind = Syntax::Kind::kOr, .offset = token_.offset};
    while (true) {
      EMBUDO_ASSIGN_OR_RETURN(Syntax term, Term(comparand));
      any.children.push_back(std::move(term));
      if (!token_.IsWord("OR")) return Unwrap(std::move(any));
      EMBUDO_RETURN_IF_ERROR(Advance());
    }
  }

  // term = [NOT | "-"] simple. Between the parentheses of a comparison "-" begins a negative number.
  absl::StatusOr<Syntax> Term(const Comparand* comparand) {
    const size_t offset = token_.offset;
    const bool minus = comparand == nullptr && token_.kind == Token::Kind::kWord && token_.literal.text[0] == '-';
    if (minus) lexer_.Seek(offset + 1);
    if (!minus && !token_.IsWord("NOT")) return Simple(comparand);
    EMBUDO_RETURN_IF_ERROR(Advance());
    EMBUDO_ASSIGN_OR_RETURN(Syntax operand, Simple(comparand));
    return Negation(offset, std::move(operand));
  }

  // simple = "(" expression ")" | restriction | function
  absl::StatusOr<Syntax> Simple(const Comparand* comparand) {
    if (token_.kind == Token::Kind::kOpen) return Composite(comparand);
    if (comparand != nullptr) return Value(*comparand);
    if (IsKeyword() || token_.kind != Token::Kind::kWord) return Unexpected("a field");
    Syntax restriction{.kind = Syntax::Kind::kRestriction, .offset = token_.offset, .name = token_.literal.text};
    size_t end = token_.end;
    EMBUDO_RETURN_IF_ERROR(Advance());
    if (restriction.name.back() == '.' && token_.kind == Token::Kind::kString && token_.offset == end) {
      restriction.name += token_.literal.text;
      end = token_.end;
      EMBUDO_RETURN_IF_ERROR(Advance());
    }
    if (token_.kind == Token::Kind::kOpen && token_.offset == end) return Call(std::move(restriction));
    if (token_.kind != Token::Kind::kComparator) {
      EMBUDO_RETURN_IF_ERROR(Count(restriction.offset));
      return restriction;
    }
    Comparand left{std::move(restriction.name), token_.comparator, restriction.offset};
    EMBUDO_RETURN_IF_ERROR(Advance());
    if (token_.kind != Token::Kind::kOpen) return Value(left);
    // `state != (WON OR LOST)` is neither of them.
    const bool negated = left.comparator == Comparator::kNotEqual;
    if (negated) left.comparator = Comparator::kEqual;
    EMBUDO_ASSIGN_OR_RETURN(Syntax values, Composite(&left));
    return negated ? Negation(left.offset, std::move(values)) : std::move(values);
  }

  absl::StatusOr<Syntax> Composite(const Comparand* comparand) {
    if (++depth_ > kMaxDepth) {
      return source_.Error(token_.offset, "more than " + std::to_string(kMaxDepth) + " parentheses in each other");
    }
    EMBUDO_RETURN_IF_ERROR(Advance());
    EMBUDO_ASSIGN_OR_RETURN(Syntax inner, Expression(comparand));
    if (token_.kind != Token::Kind::kClose) return Unexpected("\")\"");
    EMBUDO_RETURN_IF_ERROR(Advance());
    --depth_;
    return inner;
  }

  absl::StatusOr<Syntax> Value(const Comparand& left) {
    EMBUDO_RETURN_IF_ERROR(Count(left.offset));
    Syntax restriction{
        .kind = Syntax::Kind::kRestriction, .offset = left.offset, .name = left.name, .comparator = left.comparator};
    EMBUDO_ASSIGN_OR_RETURN(Literal value, Argument());
    restriction.arguments.push_back(std::move(value));
    return restriction;
  }

  absl::StatusOr<Syntax> Call(Syntax call) {
    EMBUDO_RETURN_IF_ERROR(Count(call.offset));
    call.kind = Syntax::Kind::kCall;
    EMBUDO_RETURN_IF_ERROR(Advance());
    while (token_.kind != Token::Kind::kClose || !call.arguments.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(Literal argument, Argument());
      call.arguments.push_back(std::move(argument));
      if (token_.kind == Token::Kind::kClose) break;
      if (token_.kind != Token::Kind::kComma) return Unexpected("\",\" or \")\"");
      EMBUDO_RETURN_IF_ERROR(Advance());
    }
    EMBUDO_RETURN_IF_ERROR(Advance());
    return call;
  }

  absl::StatusOr<Literal> Argument() {
    if (IsKeyword() || (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kString)) {
      return Unexpected("a value");
    }
    Literal literal = std::move(token_.literal);
    EMBUDO_RETURN_IF_ERROR(Advance());
    return literal;
  }

  absl::Status Count(size_t offset) {
    if (++restrictions_ <= kMaxRestrictions) return absl::OkStatus();
    return source_.Error(offset, "more than " + std::to_string(kMaxRestrictions) + " terms");
  }

  absl::Status Advance() {
    EMBUDO_ASSIGN_OR_RETURN(token_, lexer_.Next());
    return absl::OkStatus();
  }

  bool IsKeyword() const { return token_.IsWord("AND") || token_.IsWord("OR") || token_.IsWord("NOT"); }

  absl::Status Unexpected(std::string_view expected) const {
    const std::string_view seen = source_.text.substr(token_.offset, token_.end - token_.offset);
    return source_.Error(token_.offset, (seen.empty() ? "unexpected end" : "unexpected " + Quote(seen)) +
                                            "; expected " + std::string(expected));
  }

  static Syntax Negation(size_t offset, Syntax operand) {
    Syntax negation{.kind = Syntax::Kind::kNot, .offset = offset};
    negation.children.push_back(std::move(operand));
    return negation;
  }

  /// A conjunction or disjunction of one is that one.
  static Syntax Unwrap(Syntax node) {
    if (node.children.size() != 1) return node;
    Syntax only = std::move(node.children[0]);
    return only;
  }

  const Source& source_;
  Lexer lexer_;
  Token token_;
  int depth_ = 0;
  int restrictions_ = 0;
};

}  // namespace

bool Literal::IsStar() const {
  return HasWildcard() && std::all_of(pieces.begin(), pieces.end(), [](const auto& piece) { return piece.empty(); });
}

absl::StatusOr<Syntax> Parse(const Source& source) {
  EMBUDO_RETURN_IF_ERROR(source.Check(kMaxCharacters));
  return Parser(source).Filter();
}

}  // namespace embudo::filter
