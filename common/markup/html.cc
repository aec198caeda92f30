#include "common/markup/html.h"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <vector>

#include "common/markup/html_text.h"
#include "common/text/unicode.h"

namespace embudo::markup {
namespace {

/// Deeper nesting and more elements than this are nobody's writing; reading ends there.
constexpr size_t kMaxDepth = 256;
constexpr int kMaxElements = 100000;

using Names = std::set<std::string_view>;

const Names& Allowed() {
  static const Names names = {"a",    "abbr",     "b",      "blockquote", "br",  "caption", "center", "cite", "code",
                              "col",  "colgroup", "dd",     "del",        "div", "dl",      "dt",     "em",   "h1",
                              "h2",   "h3",       "h4",     "h5",         "h6",  "hr",      "i",      "img",  "ins",
                              "kbd",  "li",       "ol",     "p",          "pre", "q",       "s",      "samp", "small",
                              "span", "strike",   "strong", "sub",        "sup", "table",   "tbody",  "td",   "tfoot",
                              "th",   "thead",    "tr",     "tt",         "u",   "ul",      "var"};
  return names;
}

/// Those whose content is not for readers either.
const Names& Hidden() {
  static const Names names = {"script", "style",  "head",  "title", "template", "iframe",
                              "object", "embed",  "svg",   "math",  "noscript", "textarea",
                              "select", "applet", "audio", "video", "canvas",   "frameset"};
  return names;
}

const Names& AllowedAttributes() {
  static const Names names = {"alt",     "align", "colspan", "dir",    "height", "lang",
                              "rowspan", "start", "title",   "valign", "width"};
  return names;
}

bool IsVoid(std::string_view name) { return name == "br" || name == "hr" || name == "img" || name == "col"; }

void AppendEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

/// Whether an address begins with one of the schemes. White space and control characters, which browsers pass over,
/// make it none.
bool HasScheme(std::string_view address, std::initializer_list<std::string_view> schemes) {
  std::string start(address.substr(0, 10));
  for (char& c : start) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const bool clean = std::none_of(address.begin(), address.end(), [](char c) { return c >= 0 && c < 0x20; });
  return clean && std::any_of(schemes.begin(), schemes.end(),
                              [&](std::string_view scheme) { return start.starts_with(scheme); });
}

/// Takes the parser's events, and writes both forms as they come: no tree is built.
class Reader {
 public:
  Reader(size_t most, Pictures pictures) : most_(most), pictures_(pictures), text_(most) {}

  void Run(std::string_view html) {
    htmlSAXHandler handler{};
    handler.startElement = [](void* self, const xmlChar* name, const xmlChar** attributes) {
      static_cast<Reader*>(self)->Start(View(name), attributes);
    };
    handler.endElement = [](void* self, const xmlChar* name) { static_cast<Reader*>(self)->End(View(name)); };
    handler.characters = [](void* self, const xmlChar* text, int size) {
      static_cast<Reader*>(self)->Text({reinterpret_cast<const char*>(text), static_cast<size_t>(size)});
    };
    handler.ignorableWhitespace = handler.characters;
    const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> parser(
        htmlCreatePushParserCtxt(&handler, this, nullptr, 0, nullptr, XML_CHAR_ENCODING_UTF8), &htmlFreeParserCtxt);
    if (!parser) return;
    htmlCtxtUseOptions(parser.get(), HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                                         HTML_PARSE_IGNORE_ENC);
    constexpr size_t kPiece = 4096;
    for (size_t at = 0; at < html.size() && !full_; at += kPiece) {
      const std::string_view piece = html.substr(at, kPiece);
      htmlParseChunk(parser.get(), piece.data(), static_cast<int>(piece.size()), 0);
    }
    htmlParseChunk(parser.get(), nullptr, 0, 1);
    closed_ = true;
    while (!open_.empty()) CloseLast();
  }

  Html Result() { return {std::move(html_), text_.Take()}; }

 private:
  static std::string_view View(const xmlChar* text) { return reinterpret_cast<const char*>(text); }

  void Start(std::string_view name, const xmlChar** attributes) {
    if (full_) return;
    if (++elements_ > kMaxElements || ++depth_ > kMaxDepth || html_.size() > most_) {
      full_ = true;
      return;
    }
    if (hidden_ > 0 || Hidden().contains(name)) {
      ++hidden_;
      return;
    }
    text_.Start(name);
    if (!Allowed().contains(name)) return;
    html_ += '<';
    html_ += name;
    WriteAttributes(name, attributes);
    html_ += '>';
    if (!IsVoid(name)) open_.emplace_back(name);
  }

  void End(std::string_view name) {
    if (full_ || closed_) return;
    if (depth_ > 0) --depth_;
    if (hidden_ > 0) {
      --hidden_;
      return;
    }
    text_.End(name);
    if (!open_.empty() && open_.back() == name) CloseLast();
  }

  void Text(std::string_view text) {
    if (full_ || hidden_ > 0) return;
    AppendEscaped(text, html_);
    text_.Text(text);
  }

  void CloseLast() {
    html_ += "</" + open_.back() + ">";
    open_.pop_back();
  }

  void WriteAttributes(std::string_view element, const xmlChar** attributes) {
    for (; attributes != nullptr && *attributes != nullptr; attributes += 2) {
      const std::string_view name = View(attributes[0]);
      const std::string_view value = attributes[1] == nullptr ? "" : View(attributes[1]);
      const bool link = element == "a" && name == "href" && HasScheme(value, {"http:", "https:", "mailto:", "tel:"});
      const bool picture =
          element == "img" && name == "src" &&
          (HasScheme(value, {"cid:"}) || (pictures_ == Pictures::kSecure && HasScheme(value, {"https:"})));
      if (!link && !picture && !AllowedAttributes().contains(name)) continue;
      if (element == "img" && name == "alt") text_.Text(value);
      html_ += ' ';
      html_ += name;
      html_ += "=\"";
      AppendEscaped(value, html_);
      html_ += '"';
      if (link) html_ += " rel=\"noopener noreferrer nofollow\"";
    }
  }

  const size_t most_;
  const Pictures pictures_;
  TextWriter text_;
  std::string html_;
  std::vector<std::string> open_;
  int elements_ = 0;
  size_t depth_ = 0;
  int hidden_ = 0;
  bool full_ = false;
  bool closed_ = false;
};

}  // namespace

Html ReadHtml(std::string_view html, size_t most, Pictures pictures) {
  Reader reader(most, pictures);
  reader.Run(html.substr(0, most));
  Html result = reader.Result();
  if (!text::IsUtf8(result.sanitised)) result.sanitised = text::Windows1252ToUtf8(result.sanitised);
  if (result.sanitised.size() > most) result.sanitised.clear();
  return result;
}

}  // namespace embudo::markup
