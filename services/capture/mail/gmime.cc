#include "services/capture/mail/gmime.h"

#include "services/capture/mail/encoded_words.h"

namespace embudo::capture::mail {
namespace {

std::string Written(GMimeStream* stream) {
  const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
  return bytes->data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(bytes->data), bytes->len);
}

}  // namespace

GMimeParserOptions* ParserOptions() {
  static GMimeParserOptions* const options = [] {
    g_mime_init();
    GMimeParserOptions* made = g_mime_parser_options_new();
    const char* charsets[] = {"utf-8", "windows-1252", nullptr};
    g_mime_parser_options_set_fallback_charsets(made, charsets);
    g_mime_parser_options_set_allow_addresses_without_domain(made, TRUE);
    return made;
  }();
  return options;
}

std::string_view RawHeader(GMimeObject* object, const char* name) {
  GMimeHeader* header = g_mime_header_list_get_header(g_mime_object_get_header_list(object), name);
  return header == nullptr ? std::string_view() : View(g_mime_header_get_raw_value(header));
}

std::string DecodeText(std::string_view raw) {
  const std::string text = DecodeWords(raw);
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string ContentOf(GMimePart* part) {
  GMimeDataWrapper* content = g_mime_part_get_content(part);
  if (content == nullptr) return {};
  const Ref<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(content, stream.get());
  return Written(stream.get());
}

std::string Serialise(GMimeObject* object) {
  const Ref<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_object_write_to_stream(object, nullptr, stream.get());
  return Written(stream.get());
}

}  // namespace embudo::capture::mail
