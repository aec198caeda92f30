#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct UConverter;

namespace embudo::text {

/// Whether the bytes are well-formed UTF-8.
bool IsUtf8(std::string_view bytes);
/// Takes the bytes as Windows-1252 (which contains Latin-1's letters). Never fails.
std::string Windows1252ToUtf8(std::string_view bytes);

/// How many characters (code points) well-formed UTF-8 holds.
size_t CountCharacters(std::string_view text);
/// The first `most` characters.
std::string CutText(std::string text, size_t most);

/// Without white space at the ends, any run of it inside as one space, composed (NFC). White space is Unicode's.
std::string FoldWhitespace(std::string_view text);
/// Lower case, by Unicode's rules that depend on no language.
std::string ToLower(std::string_view text);
/// For comparing: case folded, accents taken off, punctuation and white space as one space each: "Société Générale,
/// S.A." → "societe generale s a".
std::string MatchKey(std::string_view text);

/// Converts text of another encoding into UTF-8, piece by piece; a character may be split between pieces.
class ToUtf8 {
 public:
  /// By any name that ICU knows (utf-16le, windows-1250, shift_jis). INVALID_ARGUMENT, reason UNKNOWN_ENCODING.
  static absl::StatusOr<ToUtf8> Make(const std::string& encoding);
  /// Appends to `out`. What can't be converted becomes U+FFFD. `last`: no more bytes will come.
  void Convert(std::string_view bytes, bool last, std::string* out);

 private:
  struct Closer {
    void operator()(UConverter* converter) const;
  };
  explicit ToUtf8(UConverter* converter) : converter_(converter) {}

  std::unique_ptr<UConverter, Closer> converter_;
};

}  // namespace embudo::text
