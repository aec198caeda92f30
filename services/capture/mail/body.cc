#include "services/capture/mail/body.h"

#include <algorithm>
#include <utility>

#include "common/markup/html.h"
#include "common/text/unicode.h"
#include "services/capture/mail/charset.h"
#include "services/capture/mail/headers.h"
#include "services/capture/mail/report.h"

namespace embudo::capture::mail {
namespace {

constexpr size_t kMaxFileName = 200;

/// What a part brings to the body.
struct Piece {
  std::string text;
  /// As sent, in UTF-8.
  std::string html;
  bool has_text = false;
  bool has_html = false;
};

bool IsType(GMimeObject* object, const char* type, const char* subtype) {
  GMimeContentType* content_type = g_mime_object_get_content_type(object);
  return content_type != nullptr && g_mime_content_type_is_type(content_type, type, subtype);
}

std::string TypeOf(GMimeObject* object) {
  GMimeContentType* type = g_mime_object_get_content_type(object);
  if (type == nullptr) return "application/octet-stream";
  const GText text(g_mime_content_type_get_mime_type(type));
  return text::CutText(CleanUtf8(std::string(View(text.get()))), 200);
}

/// Only the last part of a path, and nothing in it that changes the direction of writing or controls a terminal.
std::string FileName(std::string_view given) {
  std::string name = CleanUtf8(std::string(given));
  const size_t slash = name.find_last_of("/\\");
  if (slash != std::string::npos) name.erase(0, slash + 1);
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = std::string_view(name).substr(i);
    if (static_cast<unsigned char>(name[i]) < 0x20 || name[i] == 0x7f) continue;
    // U+200B–U+200F, U+202A–U+202E, U+2060–U+206F.
    if (rest.size() >= 3 && rest[0] == '\xe2' && (rest[1] == '\x80' || rest[1] == '\x81')) {
      const unsigned char last = static_cast<unsigned char>(rest[2]);
      const bool hidden = rest[1] == '\x80' ? (last >= 0x8b && last <= 0x8f) || (last >= 0xaa && last <= 0xae)
                                            : last >= 0xa0 && last <= 0xaf;
      if (hidden) {
        i += 2;
        continue;
      }
    }
    out += name[i];
  }
  const size_t first = out.find_first_not_of(" .");
  out = first == std::string::npos ? "" : out.substr(first, out.find_last_not_of(" .") - first + 1);
  return text::CutText(std::move(out), kMaxFileName);
}

class Walker {
 public:
  Walker(const Limits& limits, Mail& mail) : limits_(limits), mail_(mail) {}

  Piece Walk(GMimeObject* object, int depth) {
    if (object == nullptr) return {};
    if (depth > limits_.depth) {
      Defect("parts are nested too deeply");
      return {};
    }
    if (GMIME_IS_MULTIPART(object)) return Multipart(GMIME_MULTIPART(object), depth);
    if (GMIME_IS_MESSAGE_PART(object)) return Enclosed(GMIME_MESSAGE_PART(object));
    if (GMIME_IS_PART(object)) return Part(GMIME_PART(object), depth);
    return {};
  }

 private:
  Piece Multipart(GMimeMultipart* multipart, int depth) {
    GMimeObject* object = GMIME_OBJECT(multipart);
    const int count = g_mime_multipart_get_count(multipart);
    if (IsType(object, "multipart", "report")) TakeReportType(object);
    if (IsType(object, "multipart", "encrypted")) Defect("encrypted");
    const bool alternative = IsType(object, "multipart", "alternative");
    Piece all;
    for (int i = 0; i < count; ++i) {
      Piece piece = Walk(g_mime_multipart_get_part(multipart, i), depth + 1);
      if (alternative) {
        Choose(std::move(piece), &all);
      } else {
        Append(std::move(piece), &all);
      }
    }
    return all;
  }

  /// One text in several forms: the first plain one, the last in HTML.
  static void Choose(Piece piece, Piece* all) {
    if (piece.has_text && !all->has_text) {
      all->text = std::move(piece.text);
      all->has_text = true;
    }
    if (piece.has_html) {
      all->html = std::move(piece.html);
      all->has_html = true;
    }
  }

  /// One text after another.
  void Append(Piece piece, Piece* all) const {
    if (!piece.has_text && !piece.has_html) return;
    if (!piece.has_text && all->has_text) {
      piece.text = markup::ReadHtml(piece.html, limits_.html_bytes).text;
      piece.has_text = true;
    } else if (piece.has_text && !all->has_text && all->has_html) {
      all->text = markup::ReadHtml(all->html, limits_.html_bytes).text;
      all->has_text = true;
    }
    if (piece.has_text) {
      if (all->has_text && !all->text.empty() && all->text.back() != '\n') all->text += '\n';
      all->text += piece.text;
      all->has_text = true;
    }
    if (piece.has_html) {
      all->html += piece.html;
      all->has_html = true;
    }
  }

  void TakeReportType(GMimeObject* object) {
    const char* type = g_mime_object_get_content_type_parameter(object, "report-type");
    // Read receipts (RFC 8098) are reports too, but of no delivery.
    if (type == nullptr || g_ascii_strcasecmp(type, "delivery-status") == 0) mail_.is_report = true;
  }

  /// A mail in the mail: forwarded, or what a report is about.
  Piece Enclosed(GMimeMessagePart* part) {
    GMimeMessage* message = g_mime_message_part_get_message(part);
    if (mail_.is_report) {
      if (message != nullptr && mail_.original_message_id.empty()) {
        mail_.original_message_id = MessageIdOf(RawHeader(GMIME_OBJECT(message), "Message-ID"));
      }
      return {};
    }
    if (message == nullptr) return {};
    std::string name = FileName(DecodeText(RawHeader(GMIME_OBJECT(message), "Subject")));
    Attach({name.empty() ? "message.eml" : name + ".eml", "message/rfc822", "", Serialise(GMIME_OBJECT(message))});
    return {};
  }

  Piece Part(GMimePart* part, int depth) {
    GMimeObject* object = GMIME_OBJECT(part);
    if (IsType(object, "application", "pgp-signature") || IsType(object, "application", "pkcs7-signature") ||
        IsType(object, "application", "x-pkcs7-signature")) {
      return {};
    }
    if (IsType(object, "message", "delivery-status")) {
      mail_.is_report = true;
      ReadDeliveryStatus(ContentOf(part), mail_);
      return {};
    }
    const bool headers = IsType(object, "text", "rfc822-headers");
    if (headers && mail_.is_report) {
      mail_.original_message_id = OriginalMessageId(ContentOf(part));
      return {};
    }
    const bool attached = g_mime_part_is_attachment(part) != FALSE;
    const bool html = IsType(object, "text", "html");
    const bool text = html || IsType(object, "text", "plain") || IsType(object, "text", "enriched") ||
                      (depth == 0 && IsType(object, "text", "*"));
    const bool named = g_mime_part_get_filename(part) != nullptr;
    // What is no type at all is text (RFC 2045, 5.2).
    const std::string_view type = RawHeader(object, "Content-Type");
    const bool untyped = !named && !type.empty() && type.find('/') == std::string_view::npos;
    if ((text || untyped) && !attached && !(named && seen_text_)) return Text(part, html);
    AttachPart(part);
    return {};
  }

  Piece Text(GMimePart* part, bool html) {
    const char* charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
    std::string content = ContentOf(part);
    // No character takes more bytes than four.
    const size_t most = html ? limits_.html_bytes : 4 * limits_.text_characters;
    if (content.size() > most) {
      content.resize(most);
      Defect("the text is too long");
    }
    std::string text = TextToUtf8(content, std::string(View(charset)));
    Piece piece;
    if (html) {
      piece.html = std::move(text);
      piece.has_html = true;
    } else {
      piece.text = std::move(text);
      piece.has_text = true;
    }
    seen_text_ = true;
    return piece;
  }

  void AttachPart(GMimePart* part) {
    Attachment attachment;
    const char* given = g_mime_part_get_filename(part);
    attachment.file_name = FileName(DecodeText(View(given)));
    attachment.content_type = TypeOf(GMIME_OBJECT(part));
    attachment.content_id = MessageIdOf(View(g_mime_part_get_content_id(part)));
    attachment.bytes = ContentOf(part);
    Attach(std::move(attachment));
  }

  void Attach(Attachment attachment) {
    if (attachment.bytes.empty()) return;
    if (static_cast<int>(mail_.attachments.size()) >= limits_.attachments) {
      Defect("too many attachments");
      return;
    }
    if (attachment.file_name.empty()) {
      const std::string& type = attachment.content_type;
      attachment.file_name = "attachment-" + std::to_string(mail_.attachments.size() + 1);
      if (type == "text/calendar") attachment.file_name += ".ics";
      if (type == "text/html") attachment.file_name += ".html";
      if (type == "text/plain") attachment.file_name += ".txt";
      if (type.starts_with("image/")) attachment.file_name += "." + FileName(type.substr(6));
    }
    mail_.attachments.push_back(std::move(attachment));
  }

  void Defect(const char* what) {
    if (std::find(mail_.defects.begin(), mail_.defects.end(), what) == mail_.defects.end()) {
      mail_.defects.emplace_back(what);
    }
  }

  const Limits& limits_;
  Mail& mail_;
  bool seen_text_ = false;
};

}  // namespace

void ReadBody(GMimeMessage* message, const Limits& limits, Mail& mail) {
  const Piece body = Walker(limits, mail).Walk(g_mime_message_get_mime_part(message), 0);
  markup::Html html;
  if (body.has_html) {
    html = markup::ReadHtml(body.html, limits.html_bytes);
    mail.html = std::move(html.sanitised);
  }
  const bool written = body.text.find_first_not_of(" \t\n") != std::string::npos;
  std::string text = body.has_text && (written || html.text.empty()) ? body.text : html.text;
  mail.text = text::CutText(CleanUtf8(std::move(text)), limits.text_characters);
}

}  // namespace embudo::capture::mail
