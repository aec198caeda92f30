#include "common/filter/syntax.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace embudo::filter {
namespace {

/// `(and a=1 (or b c))`; a pattern's asterisks are written as %.
std::string Show(const Syntax& syntax) {
  static constexpr const char* kComparators[] = {"", "=", "!=", "<", "<=", ">", ">=", ":"};
  const auto show = [](const Literal& literal) {
    std::string text = literal.pieces[0];
    for (size_t i = 1; i < literal.pieces.size(); ++i) text += "%" + literal.pieces[i];
    return literal.quoted ? "'" + text + "'" : text;
  };
  std::string text;
  switch (syntax.kind) {
    case Syntax::Kind::kRestriction:
      text = syntax.name + kComparators[static_cast<int>(syntax.comparator)];
      return syntax.arguments.empty() ? text : text + show(syntax.arguments[0]);
    case Syntax::Kind::kCall:
      text = syntax.name + "(";
      for (const Literal& argument : syntax.arguments) text += (text.back() == '(' ? "" : ",") + show(argument);
      return text + ")";
    case Syntax::Kind::kAnd:
      text = "(and";
      break;
    case Syntax::Kind::kOr:
      text = "(or";
      break;
    case Syntax::Kind::kNot:
      text = "(not";
      break;
  }
  for (const Syntax& child : syntax.children) text += " " + Show(child);
  return text + ")";
}

std::string ParseToText(std::string_view text) {
  const Source source{text, "filter", "INVALID_FILTER"};
  const auto syntax = Parse(source);
  return syntax.ok() ? Show(*syntax) : MessageOf(syntax.status());
}

struct Case {
  std::string_view text;
  std::string_view want;
};

TEST(Syntax, FollowsTheGrammarOfAip160) {
  const Case cases[] = {
      {"", "(and)"},
      {" \t\r\n ", "(and)"},
      {"a = 1", "a=1"},
      {"a=1", "a=1"},
      {"a!=1 AND b>=2 AND c<=3 AND d<4 AND e>5 AND f:6", "(and a!=1 b>=2 c<=3 d<4 e>5 f:6)"},
      // OR binds tighter than AND.
      {"a AND b OR c", "(and a (or b c))"},
      {"a OR b AND c", "(and (or a b) c)"},
      {"a OR b OR c", "(or a b c)"},
      {"(a AND b) OR c", "(or (and a b) c)"},
      // Side by side is AND, and does not bind tighter.
      {"a b", "(and a b)"},
      {"a b OR c d", "(and a (or b c) d)"},
      {"a b AND c d", "(and a b c d)"},
      {"a='1'b=2", "(and a='1' b=2)"},
      // Negation binds tightest.
      {"NOT a OR b", "(or (not a) b)"},
      {"-a b", "(and (not a) b)"},
      {"-a=1", "(not a=1)"},
      {"- a", "(not a)"},
      {"-(a OR b)", "(not (or a b))"},
      {"NOT (a b)", "(not (and a b))"},
      {"NOT(a)", "(not a)"},
      {"(((a)))", "a"},
      // A list of values after a comparator.
      {"a = (1 OR 2)", "(or a=1 a=2)"},
      {"a != (1 OR 2)", "(not (or a=1 a=2))"},
      {"a:('x' AND NOT 'y')", "(and a:'x' (not a:'y'))"},
      {"a = (-5 OR (6))", "(or a=-5 a=6)"},
      {"a > -5", "a>-5"},
  };
  for (const Case& each : cases) EXPECT_EQ(ParseToText(each.text), each.want) << each.text;
}

TEST(Syntax, ReadsValues) {
  const Case cases[] = {
      {R"(a = "it's")", "a='it's'"},
      {R"(a = 'say "x"')", "a='say \"x\"'"},
      {R"(a = "\"\'\\\n\r\t")", "a='\"'\\\n\r\t'"},
      {R"(a = "Acme*")", "a='Acme%'"},
      {R"(a = "*c\*me*")", "a='%c*me%'"},
      {"a = Ac*me", "a=Ac%me"},
      {"a:*", "a:%"},
      {R"(a = "")", "a=''"},
      {R"(a = "(b AND c) = 1")", "a='(b AND c) = 1'"},
      {"a > 2026-11-23T18:00:00.5+01:00 b", "(and a>2026-11-23T18:00:00.5+01:00 b)"},
      {"a > 2026-11-23", "a>2026-11-23"},
      {"a = pipelines/p/stages/s", "a=pipelines/p/stages/s"},
      {"a = x@y.de", "a=x@y.de"},
      {"a = größe", "a=größe"},
      {"c.key = 1", "c.key=1"},
      {R"(c."my key" = 1)", "c.my key=1"},
      {"older_than(a, 3d)", "older_than(a,3d)"},
      {"f()", "f()"},
      {"NOT f(a) g( 'x' ,2)", "(and (not f(a)) g('x',2))"},
  };
  for (const Case& each : cases) EXPECT_EQ(ParseToText(each.text), each.want) << each.text;
}

TEST(Syntax, TellsWhereItIsWrongAndWhatItExpected) {
  const Case cases[] = {
      {"a =", "filter, character 4: unexpected end; expected a value"},
      {"a = = 1", "filter, character 5: unexpected \"=\"; expected a value"},
      {"a = AND", "filter, character 5: unexpected \"AND\"; expected a value"},
      {"= 1", "filter, character 1: unexpected \"=\"; expected a field"},
      {"'a' = 1", "filter, character 1: unexpected \"'a'\"; expected a field"},
      {"a AND", "filter, character 6: unexpected end; expected a field"},
      {"OR a", "filter, character 1: unexpected \"OR\"; expected a field"},
      {"NOT", "filter, character 4: unexpected end; expected a field"},
      {"-", "filter, character 2: unexpected end; expected a field"},
      {"()", "filter, character 2: unexpected \")\"; expected a field"},
      {"(a", "filter, character 3: unexpected end; expected \")\""},
      {"a)", "filter, character 2: unexpected \")\"; expected AND, OR or the end"},
      {"a, b", "filter, character 2: unexpected \",\"; expected a field"},
      {"a ! 1", "filter, character 3: unexpected \"!\"; expected !="},
      {"a = \"x", "filter, character 5: the quote is not closed"},
      {"a = \"x\\", "filter, character 5: the quote is not closed"},
      {R"(a = "\x")", R"(filter, character 6: unknown escape; expected one of \" \' \\ \* \n \r \t)"},
      {"a = b\\c", "filter, character 6: a backslash stands only between quotes"},
      {"f(a b)", "filter, character 5: unexpected \"b\"; expected \",\" or \")\""},
      {"f(a", "filter, character 4: unexpected end; expected \",\" or \")\""},
      {"f(a,)", "filter, character 5: unexpected \")\"; expected a value"},
      // Characters, not bytes.
      {"größe = = 1", "filter, character 9: unexpected \"=\"; expected a value"},
      {"a = \xff", "filter, character 1: the text is not valid UTF-8"},
      {std::string_view("a\0", 2), "filter, character 2: there is a NUL character"},
  };
  for (const Case& each : cases) EXPECT_EQ(ParseToText(each.text), each.want) << each.text;
}

TEST(Syntax, HasLimits) {
  const std::string characters = "a = \"" + std::string(3994, 'x') + "\"";
  EXPECT_NE(ParseToText(characters).find("a='xxx"), std::string::npos);
  EXPECT_EQ(ParseToText(characters + " "), "filter, character 1: the text is longer than 4000 characters");

  std::string terms;
  for (int i = 0; i < 200; ++i) terms += "a ";
  EXPECT_EQ(ParseToText(terms).substr(0, 8), "(and a a");
  EXPECT_EQ(ParseToText(terms + "a"), "filter, character 401: more than 200 terms");

  const std::string open(50, '(');
  const std::string close(50, ')');
  EXPECT_EQ(ParseToText(open + "a" + close), "a");
  EXPECT_EQ(ParseToText("(" + open + "a)" + close), "filter, character 51: more than 50 parentheses in each other");
  // Parentheses beside each other are no depth.
  std::string beside;
  for (int i = 0; i < 60; ++i) beside += "(a)";
  EXPECT_EQ(ParseToText(beside).substr(0, 8), "(and a a");
}

}  // namespace
}  // namespace embudo::filter
