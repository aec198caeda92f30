#include "services/pipeline/logic/mentions.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "common/base/ids.h"

namespace embudo::pipeline::logic {
namespace {

bool IsIdCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

// Whether a word ends before `at`, so that what follows is not inside it.
bool StandsFree(std::string_view text, size_t at) {
  if (at == 0) return true;
  auto position = static_cast<int32_t>(at);
  UChar32 before = 0;
  U8_PREV(reinterpret_cast<const uint8_t*>(text.data()), 0, position, before);
  constexpr std::string_view kOfAddresses = "._%+-/@";
  if (before < 0x80) return u_isalnum(before) == 0 && kOfAddresses.find(static_cast<char>(before)) == kOfAddresses.npos;
  return u_isalnum(before) == 0;
}

// Whether the word or address goes on at `at`.
bool GoesOn(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  if (text[at] == '_' || text[at] == '@') return true;
  const auto size = static_cast<int32_t>(text.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto position = static_cast<int32_t>(at);
  UChar32 next = 0;
  U8_NEXT(bytes, position, size, next);
  if (next == '.' && position < size) U8_NEXT(bytes, position, size, next);  // `@example.com` but not `@ana.`
  return u_isalnum(next) != 0;
}

// The id of the mention of which the at sign is at `at`; empty if it is none.
std::string_view IdAt(std::string_view text, size_t at) {
  if (!StandsFree(text, at)) return {};
  const bool braced = at + 1 < text.size() && text[at + 1] == '{';
  const size_t begin = at + (braced ? 2 : 1);
  size_t end = begin;
  while (end < text.size() && IsIdCharacter(text[end])) ++end;
  if (braced) {
    if (end >= text.size() || text[end] != '}') return {};
  } else {
    if (GoesOn(text, end)) return {};
    while (end > begin && text[end - 1] == '-') --end;  // `@ana--see above`
  }
  const std::string_view id = text.substr(begin, end - begin);
  return IsSlug(id) ? id : std::string_view();
}

}  // namespace

std::vector<std::string> ParseMentions(std::string_view text) {
  std::vector<std::string> ids;
  for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const std::string_view id = IdAt(text, at);
    if (!id.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) ids.emplace_back(id);
  }
  return ids;
}

}  // namespace embudo::pipeline::logic
