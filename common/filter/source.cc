#include "common/filter/source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/base/error.h"
#include "common/text/unicode.h"

namespace embudo::filter {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

/// How many letters are to be put in, left out, replaced or swapped with their neighbour.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last;
  std::vector<size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j - 1] + (same ? 0 : 1), last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

}  // namespace

absl::Status Source::Error(size_t offset, std::string_view message) const {
  const std::string position = std::to_string(CountCharacters(text.substr(0, offset)) + 1);
  const std::string description = "character " + position + ": " + std::string(message);
  return embudo::Error(absl::StatusCode::kInvalidArgument, reason, std::string(field) + ", " + description)
      .Meta("position", position)
      .Field(field, description);
}

absl::Status Source::Check(size_t max_characters) const {
  if (!text::IsUtf8(text)) return Error(0, "the text is not valid UTF-8");
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) return Error(nul, "there is a NUL character");
  if (CountCharacters(text) > max_characters) {
    return Error(0, "the text is longer than " + std::to_string(max_characters) + " characters");
  }
  return absl::OkStatus();
}

std::string Quote(std::string_view text) {
  constexpr size_t kMaxBytes = 60;
  if (text.size() <= kMaxBytes) return '"' + std::string(text) + '"';
  size_t end = kMaxBytes;
  while (end > 0 && IsContinuation(text[end])) --end;
  return '"' + std::string(text.substr(0, end)) + "…\"";
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kLongestWord = 100;
  if (word.size() > kLongestWord) return "";
  const std::string* nearest = nullptr;
  size_t least = 2 + word.size() / 4;
  for (const std::string& candidate : candidates) {
    if (candidate.size() >= word.size() + least || word.size() >= candidate.size() + least) continue;
    if (const size_t distance = EditDistance(word, candidate); distance < least) {
      least = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : "; did you mean " + Quote(*nearest) + "?";
}

}  // namespace embudo::filter
