#include "common/markup/html_text.h"

#include <algorithm>
#include <map>

namespace embudo::markup {
namespace {

/// Line ends before and after an element: 1 begins a line, 2 leaves one empty.
int BreaksOf(std::string_view element) {
  static const std::map<std::string_view, int> breaks = {
      {"p", 2},       {"h1", 2},      {"h2", 2},     {"h3", 2},     {"h4", 2},      {"h5", 2},         {"h6", 2},
      {"table", 1},   {"ul", 1},      {"ol", 1},     {"dl", 1},     {"pre", 1},     {"blockquote", 1}, {"div", 1},
      {"li", 1},      {"dt", 1},      {"dd", 1},     {"tr", 1},     {"hr", 1},      {"center", 1},     {"form", 1},
      {"section", 1}, {"article", 1}, {"header", 1}, {"footer", 1}, {"address", 1}, {"body", 1},       {"caption", 1}};
  const auto found = breaks.find(element);
  return found == breaks.end() ? 0 : found->second;
}

/// Bytes of the white space that `text` begins with: ASCII's and the no-break space.
size_t SpaceAt(std::string_view text) {
  if (text[0] == ' ' || text[0] == '\t' || text[0] == '\n' || text[0] == '\r' || text[0] == '\f') return 1;
  return text.starts_with("\xc2\xa0") ? 2 : 0;
}

}  // namespace

void TextWriter::Start(std::string_view element) {
  if (element == "br") {
    ++breaks_;
    // An empty line of its own.
    if (breaks_ > 3) breaks_ = 3;
    space_ = false;
    return;
  }
  Break(BreaksOf(element));
  if (element == "blockquote") ++quotes_;
  if (element == "pre") ++pre_;
  if (element == "li") Write("- ");
  if (element == "td" || element == "th") space_ = !line_empty_;
}

void TextWriter::End(std::string_view element) {
  if (element == "br") return;
  Break(BreaksOf(element));
  if (element == "blockquote" && quotes_ > 0) --quotes_;
  if (element == "pre" && pre_ > 0) --pre_;
}

void TextWriter::Break(int lines) {
  if (lines == 0) return;
  space_ = false;
  // A line that has nothing on it is ended already.
  if (out_.empty()) return;
  breaks_ = std::max(breaks_, lines);
}

void TextWriter::BeginLine() {
  if (breaks_ > 0 && !out_.empty()) {
    for (int i = 0; i < breaks_; ++i) {
      // The empty lines of a quote are quoted too.
      out_ += '\n';
      if (i + 1 < breaks_ && quotes_ > 0) out_.append(static_cast<size_t>(std::min(quotes_, 10)), '>');
    }
    line_empty_ = true;
  }
  breaks_ = 0;
  if (line_empty_ && quotes_ > 0) out_ += std::string(static_cast<size_t>(std::min(quotes_, 10)), '>') + " ";
  line_empty_ = false;
}

void TextWriter::Write(std::string_view word) {
  if (out_.size() > most_) return;
  if (breaks_ > 0 || line_empty_) {
    BeginLine();
    space_ = false;
  }
  if (space_) out_ += ' ';
  space_ = false;
  out_ += word;
}

void TextWriter::Text(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t space = SpaceAt(text.substr(at));
    if (space > 0) {
      if (pre_ > 0 && text[at] == '\n') {
        breaks_ = std::min(breaks_ + 1, 3);
      } else if (pre_ > 0) {
        Write(" ");
      } else {
        space_ = !line_empty_ && breaks_ == 0;
      }
      at += space;
      continue;
    }
    size_t end = at;
    while (end < text.size() && SpaceAt(text.substr(end)) == 0) ++end;
    Write(text.substr(at, end - at));
    at = end;
  }
}

std::string TextWriter::Take() { return std::move(out_); }

}  // namespace embudo::markup
