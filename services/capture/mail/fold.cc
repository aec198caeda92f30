#include "services/capture/mail/fold.h"

#include <algorithm>
#include <set>
#include <vector>

#include "services/capture/mail/fold_patterns.h"

namespace embudo::capture::mail {
namespace {

enum class Kind {
  kText,
  kBlank,
  kQuoted,       ///< begins with `>`
  kQuoteHeader,  ///< `On … wrote:`
  kOriginal,     ///< `-----Original Message-----`
  kHeaders,      ///< repeated headers of the mail that is answered
  kDelimiter,
  kSignatureMark,  ///< `-- `
  kDevice,         ///< `Sent from my …`
};

struct Line {
  std::string_view text;
  Kind kind = Kind::kText;
  bool quoted = false;
};

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// A quote header may be wrapped over this many lines.
constexpr size_t kHeaderLines = 5;
/// Repeated headers may be wrapped too.
constexpr size_t kMaxHeaderBlock = 25;

class Folder {
 public:
  explicit Folder(std::string_view text) {
    for (const std::string_view line : Split(text)) AddLine(line);
    for (size_t i = 0; i < lines_.size(); ++i) Classify(i);
  }

  Folded Run() {
    FoldAfterMark();
    FoldEnd();
    FoldQuotesWithHeader();
    FoldEnd();
    return Result();
  }

 private:
  void AddLine(std::string_view line) {
    const size_t within = QuoteHeaderWithin(line);
    if (within != std::string_view::npos) {
      lines_.push_back({line.substr(0, within)});
      line.remove_prefix(within);
    }
    lines_.push_back({line});
  }

  void Classify(size_t i) {
    Line& line = lines_[i];
    if (line.kind != Kind::kText) return;
    const std::string_view text = Trim(line.text);
    if (text.empty()) {
      line.kind = Kind::kBlank;
    } else if (text[0] == '>' || text.starts_with("&gt;")) {
      line.kind = Kind::kQuoted;
    } else if (text == "--" || line.text == "-- " || text == "—" || text == "–") {
      line.kind = Kind::kSignatureMark;
    } else if (IsOriginalMessage(text)) {
      line.kind = Kind::kOriginal;
    } else if (IsDelimiter(text)) {
      line.kind = Kind::kDelimiter;
    } else if (IsDeviceSignature(text)) {
      line.kind = Kind::kDevice;
    } else if (!TakeQuoteHeader(i)) {
      TakeHeaders(i);
    }
  }

  bool TakeQuoteHeader(size_t i) {
    std::string joined(Trim(lines_[i].text));
    if (IsQuoteHeader(joined)) {
      lines_[i].kind = Kind::kQuoteHeader;
      return true;
    }
    if (!MayBeginQuoteHeader(joined)) return false;
    for (size_t next = i + 1; next < lines_.size() && next < i + kHeaderLines; ++next) {
      const std::string_view text = Trim(lines_[next].text);
      if (text.empty()) {
        // Some leave an empty line before an address.
        if (!joined.starts_with("On ")) return false;
        continue;
      }
      // Another begins: the first was none.
      if (text.starts_with("On ") || (text.starts_with(">") && !text.ends_with(":"))) return false;
      joined += ' ';
      joined += text;
      if (!IsQuoteHeader(joined)) continue;
      for (size_t of = i; of <= next; ++of) lines_[of].kind = Kind::kQuoteHeader;
      return true;
    }
    return false;
  }

  /// From, date, recipient, subject: two of them or more, one after the other.
  void TakeHeaders(size_t i) {
    const QuotedHeader first = QuotedHeaderOf(Trim(lines_[i].text));
    if (first == QuotedHeader::kNone || first == QuotedHeader::kOther) return;
    std::set<QuotedHeader> found;
    size_t last = i;
    size_t blanks = 0;
    for (size_t at = i; at < lines_.size() && at < i + kMaxHeaderBlock; ++at) {
      const std::string_view text = Trim(lines_[at].text);
      const QuotedHeader header = QuotedHeaderOf(text);
      if (header != QuotedHeader::kNone) {
        found.insert(header);
        last = at;
        blanks = 0;
      } else if (text.empty()) {
        if (++blanks > 1) break;
      } else if (blanks > 0 || text[0] == '>' || at > last + 2) {
        break;
      }
    }
    found.erase(QuotedHeader::kOther);
    if (found.size() < 3 && !(found.size() == 2 && found.contains(QuotedHeader::kFrom) && AfterBreak(i))) return;
    for (size_t at = i; at <= last; ++at) lines_[at].kind = Kind::kHeaders;
    // What a long subject goes on with.
    for (size_t at = last + 1; at < lines_.size() && at < last + 3; ++at) {
      const std::string_view text = Trim(lines_[at].text);
      if (text.empty()) break;
      if (at + 1 < lines_.size() && Trim(lines_[at + 1].text).empty() && AfterOriginal(i))
        lines_[at].kind = Kind::kHeaders;
    }
  }

  /// Whether the last line with something on it before this one draws a line, or there is none.
  bool AfterBreak(size_t i) const {
    while (i > 0) {
      const Kind kind = lines_[--i].kind;
      if (kind == Kind::kBlank) continue;
      return kind == Kind::kDelimiter || kind == Kind::kOriginal || kind == Kind::kDevice ||
             kind == Kind::kSignatureMark;
    }
    return true;
  }

  bool AfterOriginal(size_t i) const {
    while (i > 0) {
      const Kind kind = lines_[--i].kind;
      if (kind != Kind::kBlank) return kind == Kind::kOriginal || kind == Kind::kDelimiter;
    }
    return false;
  }

  /// Whether the author wrote something before this line.
  bool TextBefore(size_t i) const {
    return std::any_of(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(i),
                       [](const Line& line) { return line.kind == Kind::kText && !line.quoted; });
  }

  size_t NextFilled(size_t i) const {
    while (i < lines_.size() && lines_[i].kind == Kind::kBlank) ++i;
    return i;
  }

  void Quote(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) lines_[i].quoted = true;
  }

  /// The first mark after which everything is somebody else's: the mail that is answered, whole and unmarked.
  void FoldAfterMark() {
    for (size_t i = 0; i < lines_.size(); ++i) {
      const Kind kind = lines_[i].kind;
      if (kind == Kind::kSignatureMark) {
        // A signature ends at the next quote.
        size_t end = i + 1;
        while (end < lines_.size() && lines_[end].kind != Kind::kQuoteHeader && lines_[end].kind != Kind::kQuoted &&
               lines_[end].kind != Kind::kOriginal && lines_[end].kind != Kind::kHeaders) {
          ++end;
        }
        if (TextBefore(i)) {
          Quote(i, end);
          i = end - 1;
        }
        continue;
      }
      if (kind == Kind::kOriginal || kind == Kind::kHeaders) {
        if (TextBefore(i)) return Quote(i, lines_.size());
        // Forwarded, with nothing said: what is forwarded is the message.
        size_t end = i;
        while (end < lines_.size() && (lines_[end].kind == Kind::kOriginal || lines_[end].kind == Kind::kHeaders ||
                                       lines_[end].kind == Kind::kBlank || lines_[end].kind == Kind::kDelimiter)) {
          ++end;
        }
        Quote(i, end);
        i = end - 1;
        continue;
      }
      if (kind == Kind::kQuoteHeader) {
        size_t end = i;
        while (end < lines_.size() && lines_[end].kind == Kind::kQuoteHeader) ++end;
        const size_t next = NextFilled(end);
        if (next < lines_.size() && lines_[next].kind == Kind::kQuoted) {
          i = end - 1;
          continue;
        }
        if (TextBefore(i)) return Quote(i, lines_.size());
        Quote(i, end);  // a head without a body before it: what follows is all that there is
        i = end - 1;
      }
    }
  }

  /// From the end: quotes, what heads them, lines that draw a line, signatures of devices.
  void FoldEnd() {
    size_t end = lines_.size();
    while (end > 0 && (lines_[end - 1].quoted || lines_[end - 1].kind != Kind::kText)) --end;
    if (end == 0) return;  // nothing of its own: a quote alone stays
    Quote(end, lines_.size());
  }

  /// Quotes that are headed, `On … wrote:`, and have the author's lines on one side only, or around a single one.
  void FoldQuotesWithHeader() {
    size_t blocks = 0;
    size_t header = lines_.size();
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].quoted || lines_[i].kind != Kind::kQuoted) continue;
      if (i > 0 && lines_[i - 1].kind == Kind::kQuoted) continue;
      ++blocks;
      if (blocks == 1) header = i;
    }
    if (blocks == 0) return;
    size_t from = header;
    while (from > 0 && lines_[from - 1].kind == Kind::kBlank) --from;
    if (from == 0 || lines_[from - 1].kind != Kind::kQuoteHeader) return;
    while (from > 0 && lines_[from - 1].kind == Kind::kQuoteHeader) --from;
    size_t to = header;
    while (to < lines_.size() && (lines_[to].kind == Kind::kQuoted || lines_[to].kind == Kind::kBlank)) ++to;
    const bool rest_is_text = std::none_of(lines_.begin() + static_cast<std::ptrdiff_t>(to), lines_.end(),
                                           [](const Line& line) { return line.kind == Kind::kQuoted && !line.quoted; });
    if (rest_is_text) Quote(from, to);
  }

  Folded Result() const {
    Folded folded;
    for (const Line& line : lines_) {
      std::string& out = line.quoted ? folded.quoted : folded.body;
      out += line.text;
      out += '\n';
    }
    folded.body = TrimLines(folded.body);
    folded.quoted = TrimLines(folded.quoted);
    return folded;
  }

  /// Without empty lines at the ends.
  static std::string TrimLines(const std::string& text) {
    size_t first = 0;
    for (size_t at = text.find_first_not_of(" \t\r"); at != std::string::npos && text[at] == '\n';
         at = text.find_first_not_of(" \t\r", at + 1)) {
      first = at + 1;
    }
    const size_t last = text.find_last_not_of(" \t\r\n");
    return last == std::string::npos || last < first ? "" : text.substr(first, last - first + 1);
  }

  std::vector<Line> lines_;
};

}  // namespace

Folded Fold(std::string_view text) { return Folder(text).Run(); }

}  // namespace embudo::capture::mail
