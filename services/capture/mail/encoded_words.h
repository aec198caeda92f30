#pragma once

#include <string>
#include <string_view>

namespace embudo::capture::mail {

/// The text of a header, its encoded words (RFC 2047) decoded, as UTF-8 in one line. Words that stand beside each other
/// are one text, also where each of them is padded by itself, and where a character is cut in two between them. 8-bit
/// text is taken as UTF-8, or else as Windows-1252.
std::string DecodeWords(std::string_view raw);
/// The same header with each run of encoded words as one word, for parsers that stop at the padding of the first.
std::string JoinWords(std::string_view raw);

}  // namespace embudo::capture::mail
