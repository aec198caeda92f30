#pragma once

#include "absl/status/statusor.h"
#include "common/filter/source.h"
#include "common/filter/syntax.h"

namespace embudo::filter {

/// A word of the language.
struct Token {
  enum class Kind { kWord, kString, kComparator, kOpen, kClose, kComma, kEnd };

  Kind kind = Kind::kEnd;
  size_t offset = 0;
  size_t end = 0;
  /// The value of a word or string.
  Literal literal;
  Comparator comparator = Comparator::kNone;

  bool IsWord(std::string_view word) const { return kind == Kind::kWord && literal.text == word; }
};

/// Cuts a filter into tokens.
class Lexer {
 public:
  explicit Lexer(const Source& source) : source_(source) {}
  /// The next token; kEnd at the end, however often it is asked.
  absl::StatusOr<Token> Next();
  /// Goes on from a byte of the text.
  void Seek(size_t offset) { offset_ = offset; }

 private:
  absl::StatusOr<Token> String();
  absl::StatusOr<Token> Comparison();
  Token Word();
  size_t EndOfWord() const;

  const Source& source_;
  size_t offset_ = 0;
};

}  // namespace embudo::filter
