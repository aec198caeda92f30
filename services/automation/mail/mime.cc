#include "services/automation/mail/mime.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "common/base/sha256.h"

namespace embudo::automation::mail {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Ref = std::unique_ptr<T, Unref>;

/// One line, whatever a field holds.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return text;
}

std::string Bracketed(const std::string& id) { return "<" + OneLine(id) + ">"; }

/// A header that is no text for people: as it is, however long.
void SetHeader(GMimeObject* object, const char* name, const std::string& value) {
  g_mime_object_set_header(object, name, "", nullptr);
  GMimeHeader* header = g_mime_header_list_get_header(g_mime_object_get_header_list(object), name);
  g_mime_header_set_raw_value(header, (" " + OneLine(value) + "\n").c_str());
}

Ref<GMimeObject> TextPart(const char* subtype, const std::string& text) {
  GMimeTextPart* part = g_mime_text_part_new_with_subtype(subtype);
  g_mime_text_part_set_charset(part, "utf-8");
  const Ref<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(text.data(), text.size()));
  const Ref<GMimeDataWrapper> content(
      g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(GMIME_PART(part), content.get());
  // Also what is ASCII: lines may be long, and may begin with "From " or a dot.
  g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
  return Ref<GMimeObject>(GMIME_OBJECT(part));
}

Ref<GMimeObject> FilePart(const AttachedFile& file) {
  const size_t slash = file.content_type.find('/');
  const bool typed = slash != std::string::npos && slash > 0 && slash + 1 < file.content_type.size();
  const std::string type = typed ? file.content_type.substr(0, slash) : "application";
  const std::string subtype =
      typed ? file.content_type.substr(slash + 1, file.content_type.find(';') - slash - 1) : "octet-stream";
  // A mail or a multipart inside has rules of its own about encodings.
  const bool plain = type != "message" && type != "multipart";
  GMimePart* part = g_mime_part_new_with_type(plain ? OneLine(type).c_str() : "application",
                                              plain ? OneLine(subtype).c_str() : "octet-stream");
  const Ref<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(file.bytes.data(), file.bytes.size()));
  const Ref<GMimeDataWrapper> content(
      g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(part, content.get());
  g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_BASE64);
  g_mime_object_set_disposition(GMIME_OBJECT(part), "attachment");
  g_mime_part_set_filename(part, OneLine(file.file_name).c_str());
  return Ref<GMimeObject>(GMIME_OBJECT(part));
}

Ref<GMimeObject> Multipart(const char* subtype, const std::string& message_id) {
  GMimeMultipart* multipart = g_mime_multipart_new_with_subtype(subtype);
  // From the mail itself: an attempt after a crash sends the same bytes.
  const std::string boundary = "=_" + Sha256Hex(subtype + message_id).substr(0, 32);
  g_mime_multipart_set_boundary(multipart, boundary.c_str());
  return Ref<GMimeObject>(GMIME_OBJECT(multipart));
}

Ref<GMimeObject> Body(const Outgoing& mail) {
  Ref<GMimeObject> body = TextPart("plain", mail.text);
  if (!mail.html.empty()) {
    Ref<GMimeObject> both = Multipart("alternative", mail.message_id);
    g_mime_multipart_add(GMIME_MULTIPART(both.get()), body.get());
    const std::string page =
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n" + mail.html + "\n</body></html>\n";
    g_mime_multipart_add(GMIME_MULTIPART(both.get()), TextPart("html", page).get());
    body = std::move(both);
  }
  if (mail.attachments.empty()) return body;
  Ref<GMimeObject> all = Multipart("mixed", mail.message_id);
  g_mime_multipart_add(GMIME_MULTIPART(all.get()), body.get());
  for (const AttachedFile& file : mail.attachments) {
    g_mime_multipart_add(GMIME_MULTIPART(all.get()), FilePart(file).get());
  }
  return all;
}

void AddAddresses(GMimeMessage* message, GMimeAddressType type, const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    g_mime_message_add_mailbox(message, type, nullptr, OneLine(address).c_str());
  }
}

void AddHeaders(const Outgoing& mail, GMimeMessage* message) {
  GMimeObject* object = GMIME_OBJECT(message);
  g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_FROM,
                             mail.from.name.empty() ? nullptr : OneLine(mail.from.name).c_str(),
                             OneLine(mail.from.address).c_str());
  if (!mail.reply_to.empty()) AddAddresses(message, GMIME_ADDRESS_TYPE_REPLY_TO, {mail.reply_to});
  AddAddresses(message, GMIME_ADDRESS_TYPE_TO, mail.to);
  AddAddresses(message, GMIME_ADDRESS_TYPE_CC, mail.cc);
  g_mime_message_set_subject(message, OneLine(mail.subject).c_str(), "UTF-8");
  const auto seconds = std::chrono::floor<std::chrono::seconds>(mail.date).time_since_epoch().count();
  GDateTime* date = g_date_time_new_from_unix_utc(seconds);
  g_mime_message_set_date(message, date);
  g_date_time_unref(date);
  g_mime_message_set_message_id(message, OneLine(mail.message_id).c_str());
  if (!mail.in_reply_to.empty()) SetHeader(object, "In-Reply-To", Bracketed(mail.in_reply_to));
  std::string references;
  for (const std::string& id : mail.references) references += (references.empty() ? "" : " ") + Bracketed(id);
  if (!references.empty()) SetHeader(object, "References", references);
  if (!mail.unsubscribe_link.empty()) {
    SetHeader(object, "List-Unsubscribe", "<" + mail.unsubscribe_link + ">");
    SetHeader(object, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
  }
  if (mail.automatic) SetHeader(object, "Auto-Submitted", "auto-generated");
  // By which our own inbound mail knows it again.
  SetHeader(object, "X-Embudo-Loop", "1");
}

}  // namespace

std::string Compose(const Outgoing& mail) {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
  const Ref<GMimeMessage> message(g_mime_message_new(TRUE));
  AddHeaders(mail, message.get());
  g_mime_message_set_mime_part(message.get(), Body(mail).get());
  const std::unique_ptr<GMimeFormatOptions, decltype(&g_mime_format_options_free)> format(g_mime_format_options_new(),
                                                                                          &g_mime_format_options_free);
  g_mime_format_options_set_newline_format(format.get(), GMIME_NEWLINE_FORMAT_DOS);
  const Ref<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_object_write_to_stream(GMIME_OBJECT(message.get()), format.get(), stream.get());
  const GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return {reinterpret_cast<const char*>(bytes->data), bytes->len};
}

}  // namespace embudo::automation::mail
