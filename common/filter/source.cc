#include "common/filter/source.h"

#include <algorithm>
#include <numeric>

#include "common/base/error.h"
#include "common/text/unicode.h"

namespace embudo::filter {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

/// Levenshtein's distance.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
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
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (const size_t distance = EditDistance(word, candidate); distance < least) {
      least = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : "; did you mean " + Quote(*nearest) + "?";
}

}  // namespace embudo::filter
