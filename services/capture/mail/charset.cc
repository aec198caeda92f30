#include "services/capture/mail/charset.h"

#include <algorithm>

#include "common/text/unicode.h"

namespace embudo::capture::mail {
namespace {

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool IsPlainAscii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Whether ASCII bytes mean the same in it; in the others they have to be converted.
bool HoldsAscii(const std::string& charset) {
  return !charset.starts_with("utf-7") && !charset.starts_with("utf-16") && !charset.starts_with("utf-32") &&
         !charset.starts_with("iso-2022") && !charset.starts_with("hz") && !charset.starts_with("cp037") &&
         !charset.starts_with("unicode-1-1-utf-7");
}

/// What a charset is called and what it means, where the two differ in practice.
std::string Known(const std::string& charset, std::string_view bytes) {
  // Without a byte order mark: by where the zeros of Latin letters are.
  const bool unmarked = !bytes.starts_with("\xff\xfe") && !bytes.starts_with("\xfe\xff");
  if (charset == "utf-16" && unmarked && bytes.size() > 1 && bytes[0] != 0 && bytes[1] == 0) return "utf-16le";
  if (charset == "unicode-1-1-utf-7") return "utf-7";
  if (charset == "ks_c_5601-1987" || charset == "euc-kr" || charset == "ks_c_5601") return "windows-949";
  if (charset == "gb2312" || charset == "gbk") return "gb18030";
  if (charset == "shift_jis" || charset == "shift-jis" || charset == "sjis") return "windows-31j";
  // As the WHATWG's encoding standard has it: what says Latin-1 is Windows-1252.
  if (charset == "iso-8859-1" || charset == "iso8859-1" || charset == "latin1") return "windows-1252";
  return charset;
}

std::string Guess(std::string_view bytes) {
  return text::IsUtf8(bytes) ? std::string(bytes) : text::Windows1252ToUtf8(bytes);
}

std::string Convert(std::string_view bytes, const std::string& name) {
  const std::string charset = LowerAscii(name);
  if (charset.empty() || charset == "us-ascii" || charset == "utf-8" || charset == "utf8" || charset == "ascii") {
    return Guess(bytes);
  }
  if (HoldsAscii(charset) && IsPlainAscii(bytes)) return std::string(bytes);
  auto converter = text::ToUtf8::Make(Known(charset, bytes));
  if (!converter.ok()) return Guess(bytes);
  std::string out;
  converter->Convert(bytes, /*last=*/true, &out);
  return out;
}

}  // namespace

std::string CleanUtf8(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return text::IsUtf8(text) ? text : text::Windows1252ToUtf8(text);
}

std::string TextToUtf8(std::string_view bytes, const std::string& charset) {
  std::string text = Convert(bytes, charset);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  // Line ends become one: CR LF, and the CR of old systems.
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      if (i + 1 == text.size() || text[i + 1] != '\n') out += '\n';
    } else if (text[i] != '\0') {
      out += text[i];
    }
  }
  return out;
}

}  // namespace embudo::capture::mail
