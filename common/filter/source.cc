#include "common/filter/source.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "common/base/error.h"

namespace embudo::filter {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

/// Bytes of the well-formed UTF-8 character that the text begins with, 0 if there is none.
size_t CharacterSize(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(size), IsContinuation)) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool not_a_character = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || not_a_character ? 0 : size;
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
  for (size_t i = 0; i < text.size();) {
    const size_t size = CharacterSize(text.substr(i));
    if (size == 0) return Error(i, "the text is not valid UTF-8");
    if (text[i] == '\0') return Error(i, "the text has a NUL character");
    i += size;
  }
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
