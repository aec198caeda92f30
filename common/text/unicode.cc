#include "common/text/unicode.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>

#include "common/base/error.h"

namespace embudo::text {
namespace {

icu::UnicodeString FromUtf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

std::string ToStdString(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

const icu::Normalizer2* Composer() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFCInstance(error);
}

/// NFKC with case folding, then decomposed: accents stand alone and can be left out.
const icu::Normalizer2* Folder() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKCCasefoldInstance(error);
}

const icu::Normalizer2* Decomposer() {
  UErrorCode error = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKDInstance(error);
}

/// The characters of `text` that `keep` takes; a run of others becomes one space, none at the ends.
template <class Keep>
icu::UnicodeString Squeeze(const icu::UnicodeString& text, Keep keep) {
  icu::UnicodeString out;
  bool gap = false;
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    const UChar32 c = text.char32At(at);
    if (!keep(c)) {
      gap = !out.isEmpty();
      continue;
    }
    if (gap) out.append(u' ');
    gap = false;
    out.append(c);
  }
  return out;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
}

}  // namespace

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string CutText(std::string text, size_t most) {
  if (text.size() <= most) return text;
  size_t characters = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if ((text[at] & 0xc0) != 0x80 && ++characters > most) {
      text.resize(at);
      break;
    }
  }
  return text;
}

bool IsUtf8(std::string_view bytes) {
  if (IsAscii(bytes)) return true;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto length = static_cast<int32_t>(bytes.size());
  for (int32_t at = 0; at < length;) {
    UChar32 c = 0;
    U8_NEXT(data, at, length, c);
    if (c < 0) return false;
  }
  return true;
}

std::string Windows1252ToUtf8(std::string_view bytes) {
  return ToStdString(icu::UnicodeString(bytes.data(), static_cast<int32_t>(bytes.size()), "windows-1252"));
}

std::string FoldWhitespace(std::string_view text) {
  const icu::UnicodeString squeezed =
      Squeeze(FromUtf8(text), [](UChar32 c) { return u_isUWhiteSpace(c) == 0 && c != 0x200b && c != 0xfeff; });
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeString composed = Composer()->normalize(squeezed, error);
  return ToStdString(U_SUCCESS(error) ? composed : squeezed);
}

std::string ToLower(std::string_view text) {
  if (!IsAscii(text)) return ToStdString(FromUtf8(text).toLower(icu::Locale::getRoot()));
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string MatchKey(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeString folded = Folder()->normalize(FromUtf8(text), error);
  icu::UnicodeString decomposed = Decomposer()->normalize(folded, error);
  if (U_FAILURE(error)) return std::string(text);
  icu::UnicodeString plain;
  for (int32_t at = 0; at < decomposed.length(); at = decomposed.moveIndex32(at, 1)) {
    const UChar32 c = decomposed.char32At(at);
    // An apostrophe belongs to its word: O'Brien is obrien, Acme's is acmes.
    if (u_charType(c) != U_NON_SPACING_MARK && c != u'\'' && c != 0x2019) plain.append(c);
  }
  return ToStdString(Squeeze(plain, [](UChar32 c) { return u_isalnum(c) != 0; }));
}

void ToUtf8::Closer::operator()(UConverter* converter) const { ucnv_close(converter); }

absl::StatusOr<ToUtf8> ToUtf8::Make(const std::string& encoding) {
  UErrorCode error = U_ZERO_ERROR;
  UConverter* converter = encoding.empty() ? nullptr : ucnv_open(encoding.c_str(), &error);
  if (converter == nullptr || U_FAILURE(error)) {
    return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_ENCODING", "there is no encoding \"" + encoding + "\"")
        .Meta("encoding", encoding);
  }
  return ToUtf8(converter);
}

void ToUtf8::Convert(std::string_view bytes, bool last, std::string* out) {
  const char* source = bytes.data();
  const char* end = source + bytes.size();
  std::array<char16_t, 2048> buffer{};
  icu::UnicodeString text;  // converted as a whole, since a full buffer may split a surrogate pair
  UErrorCode error = U_ZERO_ERROR;
  do {
    char16_t* target = buffer.data();
    error = U_ZERO_ERROR;
    ucnv_toUnicode(converter_.get(), &target, buffer.data() + buffer.size(), &source, end, nullptr,
                   static_cast<UBool>(last), &error);
    text.append(buffer.data(), static_cast<int32_t>(target - buffer.data()));
  } while (error == U_BUFFER_OVERFLOW_ERROR);
  text.toUTF8String(*out);
}

}  // namespace embudo::text
