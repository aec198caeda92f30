#include "services/capture/logic/json_path.h"

#include <algorithm>

#include "common/base/error.h"

namespace embudo::capture::logic {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr size_t kMaxFound = 1000;

absl::Status BadPath(std::string_view path, std::string_view what) {
  return InvalidField("source", "\"" + std::string(path) + "\" " + std::string(what));
}

/// Whether arrays and objects stay within the depth; of what is no JSON it may say either.
bool IsShallow(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

absl::StatusOr<std::vector<std::string>> PointerSteps(std::string_view path) {
  std::vector<std::string> steps;
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    std::string step;
    for (size_t i = 0; i < end; ++i) {
      if (rest[i] != '~') {
        step += rest[i];
      } else if (i + 1 < end && (rest[i + 1] == '0' || rest[i + 1] == '1')) {
        step += rest[++i] == '0' ? '~' : '/';
      } else {
        return BadPath(path, "has a ~ that neither 0 nor 1 follows");
      }
    }
    steps.push_back(std::move(step));
    rest.remove_prefix(end);
  }
  return steps;
}

absl::StatusOr<std::vector<std::string>> DottedSteps(std::string_view path) {
  std::vector<std::string> steps;
  size_t at = path.starts_with("$.") ? 2 : 0;
  while (at < path.size()) {
    if (path[at] == '[') {
      const size_t close = path.find(']', at);
      if (close == std::string_view::npos) return BadPath(path, "has a [ without ]");
      const std::string index(path.substr(at + 1, close - at - 1));
      const bool number = !index.empty() && index.find_first_not_of("0123456789") == std::string::npos;
      if (!number && index != "*") return BadPath(path, "has neither a number nor * in []");
      steps.push_back(index);
      at = close + 1;
      if (at < path.size() && path[at] == '.') ++at;
      continue;
    }
    const size_t end = std::min(path.find_first_of(".[", at), path.size());
    if (end == at) return BadPath(path, "has an empty name");
    steps.emplace_back(path.substr(at, end - at));
    at = end < path.size() && path[end] == '.' ? end + 1 : end;
    if (at == path.size() && path.back() == '.') return BadPath(path, "ends with a dot");
  }
  return steps;
}

}  // namespace

absl::StatusOr<json> ParseJson(std::string_view text) {
  if (!IsShallow(text)) {
    return Error(absl::StatusCode::kInvalidArgument, "MALFORMED_BODY", "the JSON is nested deeper than 64");
  }
  json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return Error(absl::StatusCode::kInvalidArgument, "MALFORMED_BODY", "is no JSON");
  return document;
}

absl::StatusOr<JsonPath> JsonPath::Parse(std::string_view path) {
  if (path.empty()) return BadPath(path, "names no place");
  JsonPath parsed;
  EMBUDO_ASSIGN_OR_RETURN(parsed.steps_, path.front() == '/' ? PointerSteps(path) : DottedSteps(path));
  if (parsed.steps_.empty()) return BadPath(path, "names no place");
  if (parsed.steps_.size() > kMaxDepth) return BadPath(path, "is deeper than 64");
  return parsed;
}

std::vector<const json*> JsonPath::Find(const json& document) const {
  std::vector<const json*> found = {&document};
  for (const std::string& step : steps_) {
    std::vector<const json*> next;
    for (const json* value : found) {
      if (value->is_object()) {
        if (const auto member = value->find(step); member != value->end()) next.push_back(&*member);
      } else if (value->is_array() && step == "*") {
        for (const json& element : *value) {
          if (next.size() < kMaxFound) next.push_back(&element);
        }
      } else if (value->is_array() && !step.empty() && step.size() < 7 &&
                 step.find_first_not_of("0123456789") == std::string::npos) {
        const auto index = static_cast<size_t>(std::stoi(step));
        if (index < value->size()) next.push_back(&(*value)[index]);
      }
    }
    found = std::move(next);
  }
  return found;
}

std::vector<std::string> JsonPath::Texts(const json& document) const {
  std::vector<std::string> texts;
  const auto add = [&](const json& value) {
    std::string text = TextOf(value);
    text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
    if (!text.empty() && texts.size() < kMaxFound) texts.push_back(std::move(text));
  };
  for (const json* value : Find(document)) {
    if (value->is_array()) {
      for (const json& element : *value) add(element);
    } else {
      add(*value);
    }
  }
  return texts;
}

std::string TextOf(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get_ref<const std::string&>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace embudo::capture::logic
