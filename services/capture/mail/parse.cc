#include "services/capture/mail/parse.h"

#include <algorithm>

#include "common/text/unicode.h"
#include "services/capture/mail/body.h"
#include "services/capture/mail/charset.h"
#include "services/capture/mail/headers.h"
#include "services/capture/mail/scan.h"

namespace embudo::capture::mail {
namespace {

/// Without empty lines and the `From ` line of a mailbox file before the headers.
std::string_view FromFirstHeader(std::string_view bytes) {
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  const size_t before = first == std::string_view::npos ? first : bytes.find_last_of("\r\n", first);
  if (before != std::string_view::npos) bytes.remove_prefix(before + 1);
  while (bytes.starts_with("From ") || bytes.starts_with(">From ")) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  return bytes;
}

/// Where the headers of a mail end without an empty line: what follows the first line that is no header. Empty if there
/// is none.
std::string_view TextAmongHeaders(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::string_view line = bytes.substr(at, end - at);
    if (line.empty() || line == "\r") return {};
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return bytes.substr(std::min(end + 1, bytes.size()));
    const bool folded = line[0] == ' ' || line[0] == '\t';
    const size_t name = line.find_first_of(": ");
    if (!folded && (name == std::string_view::npos || line.find(':') == std::string_view::npos))
      return bytes.substr(at);
    at = end + 1;
  }
  return {};
}

Ref<GMimeMessage> Construct(std::string_view bytes) {
  const Ref<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
  const Ref<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  // Parts stay views of the one copy.
  g_mime_parser_set_persist_stream(parser.get(), TRUE);
  g_mime_parser_set_format(parser.get(), GMIME_FORMAT_MESSAGE);
  return Ref<GMimeMessage>(g_mime_parser_construct_message(parser.get(), ParserOptions()));
}

}  // namespace

Mail Parse(std::string_view bytes, const Limits& limits) {
  Mail mail;
  ParserOptions();  // before the first object is made
  std::string defect;
  std::string changed;
  const std::string_view readable = WithinLimits(FromFirstHeader(bytes), limits, &changed, &defect);
  if (!defect.empty()) mail.defects.push_back(defect);
  const Ref<GMimeMessage> message = Construct(readable);
  if (!message) {
    mail.defects.emplace_back("no mail");
    mail.text = text::CutText(TextToUtf8(readable, ""), limits.text_characters);
    return mail;
  }
  ReadHeaders(message.get(), limits, mail);
  ReadBody(message.get(), limits, mail);
  if (mail.text.empty() && mail.attachments.empty()) {
    mail.text = text::CutText(TextToUtf8(TextAmongHeaders(readable), ""), limits.text_characters);
    if (!mail.text.empty()) mail.defects.emplace_back("the headers do not end");
  }
  return mail;
}

}  // namespace embudo::capture::mail
