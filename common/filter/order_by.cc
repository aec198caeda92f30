#include "common/filter/order_by.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/filter/lexer.h"

namespace embudo::filter {
namespace {

constexpr size_t kMaxCharacters = 500;
constexpr size_t kMaxTerms = 10;

/// References are in the order of their ids, where those are texts: UUIDs have none that says anything.
bool HasOrder(const Field& field) {
  switch (field.type) {
    case Type::kTextSet:
    case Type::kEnumSet:
    case Type::kReferenceSet:
    case Type::kCustom:
      return false;
    case Type::kReference:
      return field.id_columns.size() == 1 && !field.column.uuid_ids;
    default:
      return true;
  }
}

absl::StatusOr<OrderTerm> ParseTerm(const Source& source, const Token& token, const Schema& schema) {
  if (token.kind != Token::Kind::kWord) return source.Error(token.offset, "expected a field");
  const std::string& path = token.literal.text;
  OrderTerm term{.field = schema.Find(path)};
  if (term.field == nullptr) {
    std::vector<std::string> paths;
    for (const auto& [known, field] : schema.fields()) paths.push_back(known);
    return source.Error(token.offset, "unknown field " + Quote(path) + DidYouMean(path, paths));
  }
  if (!HasOrder(*term.field)) return source.Error(token.offset, path + " has no order");
  return term;
}

}  // namespace

absl::StatusOr<std::vector<OrderTerm>> ParseOrderBy(std::string_view text, const Schema& schema,
                                                    std::string_view field) {
  const Source source{text, field, "INVALID_ORDER_BY"};
  EMBUDO_RETURN_IF_ERROR(source.Check(kMaxCharacters));
  std::vector<OrderTerm> terms;
  Lexer lexer(source);
  EMBUDO_ASSIGN_OR_RETURN(Token token, lexer.Next());
  if (token.kind == Token::Kind::kEnd) return terms;
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(OrderTerm term, ParseTerm(source, token, schema));
    const bool again = std::any_of(terms.begin(), terms.end(), [&](const auto& t) { return t.field == term.field; });
    if (again) return source.Error(token.offset, term.field->path + " is there twice");
    if (terms.size() == kMaxTerms)
      return source.Error(token.offset, "more than " + std::to_string(kMaxTerms) + " fields");
    EMBUDO_ASSIGN_OR_RETURN(token, lexer.Next());
    term.descending = token.IsWord("desc");
    terms.push_back(std::move(term));
    if (token.IsWord("desc") || token.IsWord("asc")) {
      EMBUDO_ASSIGN_OR_RETURN(token, lexer.Next());
    }
    if (token.kind == Token::Kind::kEnd) return terms;
    if (token.kind != Token::Kind::kComma) return source.Error(token.offset, "expected asc, desc, \",\" or the end");
    EMBUDO_ASSIGN_OR_RETURN(token, lexer.Next());
  }
}

}  // namespace embudo::filter
