#include "common/base/resource_name.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/base/error.h"

namespace embudo {
namespace {

constexpr size_t kMaxIdLength = 63;

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '~' || c == '-';
}

/// Cuts the text before the next '/' off `rest`.
std::string_view TakeSegment(std::string_view& rest) {
  const size_t end = std::min(rest.find('/'), rest.size());
  const std::string_view segment = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return segment;
}

[[noreturn]] void Abort(std::string_view what, std::string_view pattern) {
  std::fprintf(stderr, "resource pattern \"%.*s\": %.*s\n", static_cast<int>(pattern.size()), pattern.data(),
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace

bool IsResourceId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && std::all_of(id.begin(), id.end(), IsIdCharacter);
}

ResourcePattern::ResourcePattern(std::string_view pattern) : text_(pattern) {
  std::string_view rest = pattern;
  while (!rest.empty()) {
    std::string_view segment = TakeSegment(rest);
    const bool variable = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    if (variable) segment = segment.substr(1, segment.size() - 2);
    if (segment.empty() || segment.find_first_of("{}") != std::string_view::npos) Abort("malformed", pattern);
    segments_.push_back({std::string(segment), variable});
    variables_ += variable ? 1 : 0;
  }
  if (segments_.empty()) Abort("empty", pattern);
}

std::optional<std::vector<std::string>> ResourcePattern::Match(std::string_view name) const {
  if (name.empty() || name.back() == '/') return std::nullopt;
  std::vector<std::string> ids;
  ids.reserve(variables_);
  std::string_view rest = name;
  for (const Segment& wanted : segments_) {
    const std::string_view segment = TakeSegment(rest);
    if (wanted.variable ? !IsResourceId(segment) : segment != wanted.text) return std::nullopt;
    if (wanted.variable) ids.emplace_back(segment);
  }
  if (!rest.empty()) return std::nullopt;
  return ids;
}

std::string ResourcePattern::Build(const std::vector<std::string>& ids) const {
  if (ids.size() != variables_) Abort("built with a wrong number of ids", text_);
  std::string name;
  auto id = ids.begin();
  for (const Segment& segment : segments_) {
    if (!name.empty()) name += '/';
    name += segment.variable ? *id++ : segment.text;
  }
  return name;
}

absl::StatusOr<std::vector<std::string>> ParseName(const ResourcePattern& pattern, std::string_view name,
                                                   std::string_view field_path) {
  if (auto ids = pattern.Match(name)) return *std::move(ids);
  if (name.empty()) return InvalidField(field_path, "is required, of the form " + pattern.text());
  return InvalidField(field_path, "is not of the form " + pattern.text());
}

}  // namespace embudo
