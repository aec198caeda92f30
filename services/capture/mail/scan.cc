#include "services/capture/mail/scan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

namespace embudo::capture::mail {
namespace {

/// Where `word`, which is in lower case, stands in `line`, in any case.
size_t FindWord(std::string_view line, std::string_view word) {
  for (size_t at = 0; at + word.size() <= line.size(); ++at) {
    size_t i = 0;
    while (i < word.size() && (line[at + i] | 0x20) == word[i]) ++i;
    if (i == word.size()) return at;
  }
  return std::string_view::npos;
}

std::string_view WithoutTrailingSpace(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  return line;
}

/// Goes through a mail line by line, and knows where headers stand: at its beginning, after the delimiter of a
/// multipart, and after the headers of a part that is a mail itself.
class Scan {
 public:
  explicit Scan(const Limits& limits) : limits_(limits) {}

  /// How many bytes of the line are to be kept: all, as a rule. nullopt: this line is one too many, and the last.
  std::optional<size_t> Take(std::string_view line) {
    if (IsDelimiter(line)) {
      in_headers_ = true;
      mail_follows_ = false;
      field_bytes_ = 0;
      return Count(++delimiters_, limits_.parts, "too many parts", line.size());
    }
    if (!in_headers_) return line.size();
    if (line.empty() || line == "\r") {
      in_headers_ = mail_follows_;
      mail_follows_ = false;
      return line.size();
    }
    const size_t kept = KeptOfHeader(line);
    line = line.substr(0, kept);
    if (FindWord(line, "message/") != std::string_view::npos) mail_follows_ = true;
    TakeBoundary(line);
    return Count(++header_lines_, limits_.header_lines, "too many headers", kept);
  }

  const char* defect() const { return defect_; }

 private:
  bool IsDelimiter(std::string_view line) const {
    if (!line.starts_with("--")) return false;
    if (any_) return true;
    line = WithoutTrailingSpace(line.substr(2));
    if (boundaries_.contains(line)) return true;
    return line.ends_with("--") && boundaries_.contains(line.substr(0, line.size() - 2));
  }

  void TakeBoundary(std::string_view line) {
    constexpr std::string_view kBoundary = "boundary";
    const size_t at = FindWord(line, kBoundary);
    if (at == std::string_view::npos) return;
    std::string_view value = line.substr(at + kBoundary.size());
    const size_t equals = value.find_first_not_of(" \t");
    // One that is encoded, or folded in the middle, is not looked into: then any line may be a delimiter.
    if (equals == std::string_view::npos || value[equals] != '=' || boundaries_.size() > kMaxBoundaries) {
      any_ = true;
      return;
    }
    value.remove_prefix(equals + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (value.empty() || value == "\r") {
      any_ = true;
    } else if (value.front() == '"') {
      boundaries_.emplace(value.substr(1, value.find('"', 1) - 1));
    } else {
      boundaries_.emplace(value.substr(0, value.find_first_of(" \t\r;")));
    }
  }

  /// A header ends at a number of bytes, and at a number of colons: the groups of addresses may be nested, and whoever
  /// reads them goes down as deep.
  size_t KeptOfHeader(std::string_view line) {
    if (line[0] != ' ' && line[0] != '\t') {
      field_bytes_ = 0;
      colons_ = 0;
    }
    size_t kept = std::min(line.size(), kMaxFieldBytes - std::min(field_bytes_, kMaxFieldBytes));
    for (size_t i = 0; i < kept; ++i) {
      if (line[i] == ':' && ++colons_ > kMaxColons) kept = i;
    }
    if (kept < line.size()) defect_ = "a header is too long";
    field_bytes_ += kept;
    return kept;
  }

  std::optional<size_t> Count(int number, int most, const char* what, size_t kept) {
    if (number <= most) return kept;
    defect_ = what;
    return std::nullopt;
  }

  static constexpr size_t kMaxBoundaries = 1000;
  static constexpr size_t kMaxFieldBytes = 65536;
  static constexpr int kMaxColons = 2000;

  const Limits& limits_;
  std::set<std::string, std::less<>> boundaries_;
  bool any_ = false;
  bool in_headers_ = true;
  bool mail_follows_ = false;
  int delimiters_ = 0;
  int header_lines_ = 0;
  size_t field_bytes_ = 0;
  int colons_ = 0;
  const char* defect_ = "";
};

}  // namespace

std::string_view WithinLimits(std::string_view bytes, const Limits& limits, std::string* changed, std::string* defect) {
  if (bytes.size() > limits.bytes) {
    bytes = bytes.substr(0, limits.bytes);
    *defect = "too large";
  }
  Scan scan(limits);
  size_t copied = 0;
  size_t end = bytes.size();
  for (size_t at = 0; at < bytes.size();) {
    const void* found = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    const size_t next =
        found == nullptr ? bytes.size() : static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    const auto kept = scan.Take(bytes.substr(at, next - at));
    if (!kept) {
      end = at;
      break;
    }
    if (at + *kept < next) {
      changed->append(bytes.substr(copied, at + *kept - copied));
      // Nothing of a line: it is none, and no end of the headers.
      copied = *kept == 0 ? std::min(next + 1, bytes.size()) : next;
    }
    at = next + 1;
  }
  if (*scan.defect() != 0) *defect = scan.defect();
  if (copied == 0) return bytes.substr(0, end);
  if (copied < end) changed->append(bytes.substr(copied, end - copied));
  return *changed;
}

}  // namespace embudo::capture::mail
