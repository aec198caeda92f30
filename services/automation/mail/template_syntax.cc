#include "services/automation/mail/template_syntax.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/text/unicode.h"

namespace embudo::automation::mail {
namespace {

constexpr size_t kMaxPlaceholders = 500;
constexpr size_t kMaxPlaceholderBytes = 1000;
constexpr size_t kMaxFilters = 10;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string WithoutEntities(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&quot;", "\""}, {"&#34;", "\""}, {"&#39;", "'"}, {"&apos;", "'"},
      {"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},  {"&nbsp;", " "}};
  std::string out;
  while (!text.empty()) {
    const auto* found = std::find_if(std::begin(kEntities), std::end(kEntities),
                                     [&](const auto& entity) { return text.starts_with(entity.first); });
    if (found == std::end(kEntities)) {
      out += text.front();
      text.remove_prefix(1);
    } else {
      out += found->second;
      text.remove_prefix(found->first.size());
    }
  }
  return out;
}

/// Reads what stands between the braces. An error is a text for people.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  /// Empty, or what is wrong.
  std::string Read(Placeholder& out) {
    Skip();
    out.path = Path();
    if (out.path.empty()) return "a field must stand here, such as lead.contact_name";
    for (Skip(); !rest_.empty(); Skip()) {
      if (rest_.front() != '|') return "\"" + std::string(rest_.substr(0, 20)) + "\" can't stand here";
      if (out.filters.size() == kMaxFilters) return "has too many filters";
      if (rest_.starts_with("|||")) {
        out.filters.push_back({"default", {std::string(Trimmed(rest_.substr(3)))}});
        return "";
      }
      rest_.remove_prefix(1);
      Skip();
      FilterCall filter;
      if (const std::string wrong = ReadFilter(filter); !wrong.empty()) return wrong;
      out.filters.push_back(std::move(filter));
    }
    return "";
  }

 private:
  void Skip() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
  }

  std::string Path() {
    size_t end = 0;
    while (end < rest_.size() && (IsWord(rest_[end]) || rest_[end] == '.')) ++end;
    std::string path(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return path;
  }

  std::string ReadFilter(FilterCall& out) {
    size_t end = 0;
    while (end < rest_.size() && IsWord(rest_[end])) ++end;
    out.name = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (out.name.empty()) return "a filter must stand behind |, such as upper";
    Skip();
    if (rest_.empty() || rest_.front() != '(') return "";
    do {
      rest_.remove_prefix(1);
      Skip();
      if (rest_.starts_with(")") && out.arguments.empty()) break;
      std::string argument;
      if (const std::string wrong = Argument(argument); !wrong.empty()) return wrong;
      out.arguments.push_back(std::move(argument));
      Skip();
    } while (rest_.starts_with(","));
    if (!rest_.starts_with(")")) return "the arguments of " + out.name + " don't end with )";
    rest_.remove_prefix(1);
    return "";
  }

  /// A text in quotes of either kind, or a number.
  std::string Argument(std::string& out) {
    if (rest_.empty()) return "an argument is missing";
    const char quote = rest_.front();
    if (quote != '"' && quote != '\'') {
      size_t end = 0;
      while (end < rest_.size() && rest_[end] >= '0' && rest_[end] <= '9') ++end;
      if (end == 0) return "an argument is a text in quotes or a number";
      out = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return "";
    }
    for (rest_.remove_prefix(1); !rest_.empty() && rest_.front() != quote; rest_.remove_prefix(1)) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_.front();
    }
    if (rest_.empty()) return "a text has no closing quote";
    rest_.remove_prefix(1);
    return "";
  }

  std::string_view rest_;
};

/// Where the placeholder that begins before `at` ends: braces in quotes are no end.
size_t EndOf(std::string_view source, size_t at) {
  char quote = 0;
  for (size_t i = at; i + 1 < source.size() && i - at <= kMaxPlaceholderBytes; ++i) {
    if (quote != 0) {
      if (source[i] == '\\') ++i;
      if (source[i] == quote) quote = 0;
    } else if (source[i] == '"' || (source[i] == '\'' && source[i - 1] != '|')) {
      quote = source[i];
    } else if (source[i] == '}' && source[i + 1] == '}') {
      return i;
    }
  }
  // A quote that is none, as in `||| don't know`.
  const size_t end = source.find("}}", at);
  return end == std::string_view::npos || end - at > kMaxPlaceholderBytes ? std::string_view::npos : end;
}

}  // namespace

absl::Status TemplateError(std::string_view source, size_t position, const std::string& field,
                           const std::string& what) {
  const std::string_view before = source.substr(0, position);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const size_t begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const size_t column = text::CountCharacters(before.substr(begin)) + 1;
  const std::string place = "line " + std::to_string(lines + 1) + ", column " + std::to_string(column);
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_TEMPLATE", field + ", " + place + ": " + what)
      .Meta("line", std::to_string(lines + 1))
      .Meta("column", std::to_string(column))
      .Field(field, place + ": " + what);
}

absl::StatusOr<std::vector<Piece>> ParsePieces(std::string_view source, const std::string& field, bool html) {
  std::vector<Piece> pieces;
  size_t at = 0;
  while (at < source.size()) {
    Piece& piece = pieces.emplace_back();
    const size_t open = source.find("{{", at);
    piece.text = source.substr(at, open == std::string_view::npos ? open : open - at);
    if (open == std::string_view::npos) break;
    if (pieces.size() > kMaxPlaceholders) return TemplateError(source, open, field, "too many placeholders");
    const size_t end = EndOf(source, open + 2);
    if (end == std::string_view::npos) return TemplateError(source, open, field, "the placeholder has no end }}");
    Placeholder& placeholder = piece.placeholder.emplace();
    const std::string_view inside = source.substr(open + 2, end - open - 2);
    placeholder.text = html ? WithoutEntities(inside) : std::string(inside);
    placeholder.text = Trimmed(placeholder.text);
    placeholder.position = open;
    if (const std::string wrong = Reader(placeholder.text).Read(placeholder); !wrong.empty()) {
      return TemplateError(source, open, field, wrong);
    }
    at = end + 2;
  }
  return pieces;
}

}  // namespace embudo::automation::mail
