#include "common/filter/lexer.h"

#include <utility>

namespace embudo::filter {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsWordCharacter(char c) {
  return !IsSpace(c) && std::string_view("()<>=!:,\"'\\").find(c) == std::string_view::npos;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// `2026-11-23T18`: the colons after it belong to a time.
bool IsDateAndHour(std::string_view word) {
  constexpr std::string_view kShape = "0000-00-00T00";
  if (word.size() != kShape.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (kShape[i] == '0' ? !IsDigit(word[i]) : word[i] != kShape[i]) return false;
  }
  return true;
}

void Append(Literal& literal, char c) {
  literal.text += c;
  literal.pieces.back() += c;
}

void AppendStar(Literal& literal) {
  literal.text += '*';
  literal.pieces.emplace_back();
}

}  // namespace

absl::StatusOr<Token> Lexer::Next() {
  const std::string_view text = source_.text;
  while (offset_ < text.size() && IsSpace(text[offset_])) ++offset_;
  Token token{.offset = offset_, .end = offset_};
  if (offset_ == text.size()) return token;
  switch (text[offset_]) {
    case '(':
      token.kind = Token::Kind::kOpen;
      break;
    case ')':
      token.kind = Token::Kind::kClose;
      break;
    case ',':
      token.kind = Token::Kind::kComma;
      break;
    case '"':
    case '\'':
      return String();
    case '\\':
      return source_.Error(offset_, "a backslash stands only between quotes");
    case '=':
    case '!':
    case '<':
    case '>':
    case ':':
      return Comparison();
    default:
      return Word();
  }
  token.end = ++offset_;
  return token;
}

absl::StatusOr<Token> Lexer::Comparison() {
  static constexpr std::pair<std::string_view, Comparator> kComparators[] = {
      {"!=", Comparator::kNotEqual}, {"<=", Comparator::kLessEqual}, {">=", Comparator::kGreaterEqual},
      {"=", Comparator::kEqual},     {"<", Comparator::kLess},       {">", Comparator::kGreater},
      {":", Comparator::kHas}};
  for (const auto& [text, comparator] : kComparators) {
    if (source_.text.substr(offset_, text.size()) != text) continue;
    Token token{.kind = Token::Kind::kComparator, .offset = offset_};
    token.comparator = comparator;
    token.end = offset_ += text.size();
    return token;
  }
  return source_.Error(offset_, "unexpected \"!\"; expected !=");
}

absl::StatusOr<Token> Lexer::String() {
  const std::string_view text = source_.text;
  Token token{.kind = Token::Kind::kString, .offset = offset_};
  token.literal = {.pieces = {""}, .quoted = true, .offset = offset_};
  const char quote = text[offset_];
  for (size_t i = offset_ + 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      token.end = offset_ = i + 1;
      return token;
    }
    if (text[i] == '*') {
      AppendStar(token.literal);
    } else if (text[i] != '\\') {
      Append(token.literal, text[i]);
    } else if (++i < text.size()) {
      static constexpr std::string_view kEscapes = "\"\"''\\\\**n\nr\rt\t";
      const size_t escape = kEscapes.find(text[i]);
      if (escape == std::string_view::npos || escape % 2 != 0) {
        return source_.Error(i - 1, R"(unknown escape; expected one of \" \' \\ \* \n \r \t)");
      }
      Append(token.literal, kEscapes[escape + 1]);
    }
  }
  return source_.Error(offset_, "the quote is not closed");
}

Token Lexer::Word() {
  Token token{.kind = Token::Kind::kWord, .offset = offset_};
  token.literal = {.pieces = {""}, .offset = offset_};
  token.end = EndOfWord();
  for (; offset_ < token.end; ++offset_) {
    if (source_.text[offset_] == '*') {
      AppendStar(token.literal);
    } else {
      Append(token.literal, source_.text[offset_]);
    }
  }
  return token;
}

size_t Lexer::EndOfWord() const {
  const std::string_view text = source_.text;
  size_t end = offset_;
  while (end < text.size() && IsWordCharacter(text[end])) ++end;
  if (!IsDateAndHour(text.substr(offset_, end - offset_))) return end;
  while (end < text.size() && (IsWordCharacter(text[end]) || text[end] == ':')) ++end;
  return end;
}

}  // namespace embudo::filter
