#include "services/capture/mail/encoded_words.h"

#include <glib.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "services/capture/mail/charset.h"

namespace embudo::capture::mail {
namespace {

struct Word {
  std::string charset;
  std::string bytes;
  /// Where it ends in the text.
  size_t end = 0;
};

std::string FromBase64(std::string_view text) {
  // Padding may stand in the middle, where somebody joined two words.
  std::string clean(text);
  clean.erase(std::remove_if(clean.begin(), clean.end(), [](char c) { return c == ' ' || c == '\t'; }), clean.end());
  std::string out;
  for (size_t at = 0; at < clean.size();) {
    size_t end = std::min(clean.find('=', at), clean.size());
    const std::string piece = clean.substr(at, end - at);
    while (end < clean.size() && clean[end] == '=') ++end;
    at = end;
    std::string bytes(piece.size() / 4 * 3 + 6, '\0');
    gint state = 0;
    guint save = 0;
    const std::string padded = piece + std::string((4 - piece.size() % 4) % 4, '=');
    bytes.resize(
        g_base64_decode_step(padded.data(), padded.size(), reinterpret_cast<guchar*>(bytes.data()), &state, &save));
    out += bytes;
  }
  return out;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string FromQ(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out += ' ';
    } else if (text[i] == '=' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// The word that begins at `at`; nullopt if none does.
std::optional<Word> WordAt(std::string_view text, size_t at) {
  if (!text.substr(at).starts_with("=?")) return std::nullopt;
  const size_t charset_end = text.find('?', at + 2);
  if (charset_end == std::string_view::npos || charset_end - at > 80 || charset_end + 2 >= text.size()) {
    return std::nullopt;
  }
  const char encoding = static_cast<char>(text[charset_end + 1] | 0x20);
  if ((encoding != 'b' && encoding != 'q') || text[charset_end + 2] != '?') return std::nullopt;
  const size_t start = charset_end + 3;
  const size_t end = text.find("?=", start);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view content = text.substr(start, end - start);
  if (content.find("=?") != std::string_view::npos) return std::nullopt;
  Word word;
  word.charset = text.substr(at + 2, charset_end - at - 2);
  word.charset.erase(std::min(word.charset.find('*'), word.charset.size()));  // RFC 2231's language
  std::transform(word.charset.begin(), word.charset.end(), word.charset.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  word.bytes = encoding == 'b' ? FromBase64(content) : FromQ(content);
  word.end = end + 2;
  return word;
}

std::string OneLine(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    if (c != '\r' && c != '\n' && c != '\0') out += c;
  }
  return out;
}

std::string Encoded(const std::string& text) {
  const std::unique_ptr<gchar, decltype(&g_free)> base64(
      g_base64_encode(reinterpret_cast<const guchar*>(text.data()), text.size()), &g_free);
  return std::string("=?utf-8?B?") + base64.get() + "?=";
}

/// Goes through a header; `back` says what a run of words becomes.
template <class Back>
std::string Walk(std::string_view raw, Back back) {
  const std::string text = OneLine(raw);
  std::string out;
  std::string run;      // what the words of the run say, but for the last charset's
  std::string pending;  // bytes of the last charset
  std::string charset;
  bool in_run = false;
  size_t at = 0;
  const auto flush = [&] {
    if (!pending.empty()) run += TextToUtf8(pending, charset);
    pending.clear();
    if (in_run) out += back(run);
    run.clear();
    in_run = false;
  };
  while (at < text.size()) {
    const size_t next = std::min(text.find("=?", at), text.size());
    const std::string between = text.substr(at, next - at);
    const auto word = next < text.size() ? WordAt(text, next) : std::nullopt;
    const bool joined = word && in_run && between.find_first_not_of(" \t") == std::string::npos;
    if (!joined) {
      flush();
      out += TextToUtf8(between, "");
    }
    if (word) {
      // Words that switch their character set begin and end in ASCII each.
      if (in_run && (word->charset != charset || charset.starts_with("iso-2022"))) {
        run += TextToUtf8(pending, charset);
        pending.clear();
      }
      charset = word->charset;
      pending += word->bytes;
      in_run = true;
      at = word->end;
    } else {
      if (next < text.size()) out += "=?";
      at = std::min(next + 2, text.size());
    }
  }
  flush();
  return out;
}

}  // namespace

std::string DecodeWords(std::string_view raw) {
  std::string text = Walk(raw, [](const std::string& run) { return run; });
  // Words may bring line ends with them.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= 0 && c < 0x20; }, ' ');
  return CleanUtf8(std::move(text));
}

std::string JoinWords(std::string_view raw) { return Walk(raw, Encoded); }

}  // namespace embudo::capture::mail
