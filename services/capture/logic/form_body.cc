#include "services/capture/logic/form_body.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/http/message.h"
#include "common/text/unicode.h"
#include "services/capture/logic/json_path.h"

namespace embudo::capture::logic {
namespace {

using http::SameName;

absl::Status Malformed(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "MALFORMED_BODY", what);
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kSpaces);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::string CleanText(std::string_view bytes) {
  std::string text = text::IsUtf8(bytes) ? std::string(bytes) : text::Windows1252ToUtf8(bytes);
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return std::string(Trim(text));
}

/// A parameter of a header's value: `name="x"` of `form-data; name="x"`. Empty if it is not there.
std::string Parameter(std::string_view value, std::string_view wanted) {
  size_t at = value.find(';');
  while (at != std::string_view::npos && at < value.size()) {
    const size_t equals = value.find('=', at);
    if (equals == std::string_view::npos) return "";
    const std::string_view name = Trim(value.substr(at + 1, equals - at - 1));
    std::string text;
    size_t end = equals + 1;
    while (end < value.size() && value[end] == ' ') ++end;
    if (end < value.size() && value[end] == '"') {
      // Browsers write a quote in a name as %22; others put a backslash before it.
      for (++end; end < value.size() && value[end] != '"'; ++end) {
        if (value[end] == '\\' && end + 1 < value.size() && (value[end + 1] == '"' || value[end + 1] == '\\')) ++end;
        text += value[end];
      }
      at = value.find(';', std::min(end, value.size()));
    } else {
      at = value.find(';', end);
      text = Trim(value.substr(end, std::min(at, value.size()) - end));
    }
    if (SameName(name, wanted)) return text;
  }
  return "";
}

/// The value of a header in the head of a part.
std::string_view HeaderIn(std::string_view head, std::string_view wanted) {
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && SameName(Trim(line.substr(0, colon)), wanted)) {
      return Trim(line.substr(colon + 1));
    }
  }
  return "";
}

absl::Status AddPart(std::string_view part, FormFields* fields) {
  const size_t blank = part.find("\r\n\r\n");
  if (blank == std::string_view::npos) return Malformed("a part of the form has no end of its headers");
  const std::string_view disposition = HeaderIn(part.substr(0, blank), "Content-Disposition");
  const std::string name = Parameter(disposition, "name");
  if (name.empty()) return Malformed("a part of the form has no name");
  const bool is_file = disposition.find("filename=") != std::string_view::npos;
  // The file itself stays in the body, which is kept.
  if (is_file) return fields->Add(name, Parameter(disposition, "filename"));
  return fields->Add(name, part.substr(blank + 4));
}

absl::Status ParseMultipart(std::string_view content_type, std::string_view body, FormFields* fields) {
  const std::string boundary = Parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 200) return Malformed("the form has no boundary");
  const std::string delimiter = "\r\n--" + boundary;
  // The first delimiter may stand at the very beginning.
  std::string_view rest = body;
  if (rest.substr(0, delimiter.size() - 2) == std::string_view(delimiter).substr(2)) {
    rest.remove_prefix(delimiter.size() - 2);
  } else {
    const size_t first = rest.find(delimiter);
    if (first == std::string_view::npos) return Malformed("the form's boundary does not stand in it");
    rest.remove_prefix(first + delimiter.size());
  }
  while (!rest.starts_with("--")) {
    const size_t line = rest.find("\r\n");
    const size_t end = rest.find(delimiter, line == std::string_view::npos ? 0 : line);
    if (line == std::string_view::npos || end == std::string_view::npos) return Malformed("the form breaks off");
    // A part without a byte shares its line end with the next delimiter.
    EMBUDO_RETURN_IF_ERROR(AddPart(rest.substr(line + 2, end < line + 2 ? 0 : end - line - 2), fields));
    rest.remove_prefix(end + delimiter.size());
  }
  return absl::OkStatus();
}

absl::Status AddJson(const std::string& name, const nlohmann::json& value, FormFields* fields) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) {
      EMBUDO_RETURN_IF_ERROR(AddJson(name.empty() ? key : name + "." + key, inner, fields));
    }
    return absl::OkStatus();
  }
  if (!value.is_array()) return fields->Add(name, TextOf(value));
  for (const nlohmann::json& element : value) EMBUDO_RETURN_IF_ERROR(AddJson(name, element, fields));
  return absl::OkStatus();
}

}  // namespace

absl::Status FormFields::Add(std::string_view name, std::string_view text) {
  std::string key = CleanText(name);
  std::string value = CleanText(text);
  if (key.empty()) return absl::OkStatus();
  if (key.size() > kMaxNameBytes) return Malformed("the name of a field has more than 200 bytes");
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const auto& field) { return field.first == key; });
  if (found == all_.end()) {
    if (all_.size() == kMaxFields) {
      return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_FIELDS", "the form has more than 200 fields");
    }
    all_.emplace_back(std::move(key), std::move(value));
  } else if (!value.empty()) {
    found->second += (found->second.empty() ? "" : "; ") + value;
  }
  return absl::OkStatus();
}

const std::string& FormFields::Get(std::string_view name) const {
  static const std::string none;
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const auto& field) { return field.first == name; });
  return found == all_.end() ? none : found->second;
}

absl::Status ParseQuery(std::string_view query, FormFields* fields) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    EMBUDO_RETURN_IF_ERROR(fields->Add(http::PercentDecode(pair.substr(0, equals), true),
                                       http::PercentDecode(pair.substr(std::min(equals + 1, pair.size())), true)));
  }
  return absl::OkStatus();
}

absl::StatusOr<FormFields> ParseFormBody(std::string_view content_type, std::string_view body) {
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  FormFields fields;
  absl::Status status;
  if (SameName(type, "application/x-www-form-urlencoded") || (type.empty() && body.empty())) {
    status = ParseQuery(body, &fields);
  } else if (SameName(type, "multipart/form-data")) {
    status = ParseMultipart(content_type, body, &fields);
  } else if (SameName(type, "application/json") || SameName(type, "text/json")) {
    absl::StatusOr<nlohmann::json> json = ParseJson(body);
    if (!json.ok()) return json.status();
    if (!json->is_object()) return Malformed("the body is no JSON object");
    status = AddJson("", *json, &fields);
  } else {
    return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_MEDIA_TYPE",
                 "a form is sent as application/x-www-form-urlencoded, multipart/form-data or application/json");
  }
  if (!status.ok()) return status;
  return fields;
}

}  // namespace embudo::capture::logic
