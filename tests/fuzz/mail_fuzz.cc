#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/text/unicode.h"
#include "services/capture/mail/classify.h"
#include "services/capture/mail/fold.h"
#include "services/capture/mail/parse.h"

namespace {

using namespace embudo::capture::mail;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool IsClean(const std::string& text) { return embudo::text::IsUtf8(text) && text.find('\0') == std::string::npos; }

size_t Letters(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += static_cast<unsigned char>(c) > ' ' ? 1 : 0;
  return count;
}

}  // namespace

/// Any bytes: no crash, limits held, clean text, and no line lost between what is written and what is quoted.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Limits limits{.depth = 5, .parts = 50, .header_lines = 200, .text_characters = 20000, .html_bytes = 20000};
  Mail mail = Parse(bytes, limits);
  Require(IsClean(mail.subject) && IsClean(mail.text) && IsClean(mail.html) && IsClean(mail.message_id));
  for (const Address& address : mail.from) Require(IsClean(address.name) && IsClean(address.address));
  for (const Attachment& attachment : mail.attachments) {
    Require(IsClean(attachment.file_name) && !attachment.file_name.empty());
    Require(attachment.file_name.find('/') == std::string::npos && attachment.bytes.size() <= 2 * size + 1000);
  }
  Require(mail.html.find("<script") == std::string::npos && mail.html.size() <= limits.html_bytes);
  Require(static_cast<int>(mail.attachments.size()) <= limits.attachments);
  Classify(mail, {"own@example.com"});
  const Folded folded = Fold(mail.text);
  Require(Letters(folded.body) + Letters(folded.quoted) == Letters(mail.text));
  return 0;
}
