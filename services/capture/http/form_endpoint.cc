#include "services/capture/http/form_endpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"

namespace embudo::capture::http {
namespace {

using storage::KeyedForm;
using v1::Form;
using v1::Submission;

constexpr int kRatePerMinute = 600;
constexpr int kAddressRatePerMinute = 10;

bool AllowsOrigin(const Form& form, std::string_view origin) {
  const std::string lower = absl::AsciiStrToLower(std::string(origin));
  const auto& allowed = form.allowed_origins();
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& one) { return one == "*" || one == lower; });
}

/// Whether a script asks, which reads JSON, and not a browser that shows the answer.
bool WantsJson(const Request& request) {
  const std::string accept = absl::AsciiStrToLower(std::string(request.Header("Accept")));
  const std::string type = absl::AsciiStrToLower(std::string(request.Header("Content-Type")));
  return accept.find("application/json") != std::string::npos || type.starts_with("application/json");
}

Response Failure(bool json, int status, const std::string& code, const std::string& text,
                 const std::string& field = "") {
  if (!json) return MessagePage(status, "The form was not sent", text);
  nlohmann::json error = {{"code", code}, {"message", text}};
  if (!field.empty()) error["field"] = field;
  return {
      status,
      "application/json",
      nlohmann::json{{"ok", false}, {"error", error}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
          "\n",
      {}};
}

Response Success(bool json, const Form& form) {
  if (json) return {200, "application/json", "{\"ok\":true}\n", {}};
  if (form.redirect_uri().empty()) return MessagePage(200, "Thank you", "We have received your message.");
  return {303, "", "", {{"Location", form.redirect_uri()}}};
}

Response Preflight(const Form& form, const std::string& origin) {
  if (origin.empty() || !AllowsOrigin(form, origin)) return TextAnswer(403, "origin not allowed");
  return {204,
          "",
          "",
          {{"Access-Control-Allow-Methods", "POST"},
           {"Access-Control-Allow-Headers", "Content-Type, Accept"},
           {"Access-Control-Max-Age", "600"}}};
}

/// Whether nobody could answer.
bool IsAnonymous(const type::v1::Lead& lead) {
  return lead.email().empty() && lead.phone().empty() && lead.contact_name().empty() && lead.company_name().empty();
}

/// What can't be read as a form.
Response Unreadable(bool json, const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  const int code = reason == "UNKNOWN_MEDIA_TYPE" ? 415 : reason == "TOO_MANY_FIELDS" ? 413 : 400;
  return Failure(json, code, reason, MessageOf(status));
}

}  // namespace

Answer FormEndpoint::Handle(const Visitor& visitor, const Request& request, const std::string& key) {
  if (!storage::IsPublicKey(key)) return {NotFoundAnswer()};
  const auto found = storage::FindForm(worker_pool_, key, visitor.deadline);
  if (!found.ok()) {
    log::Warning("forms: cannot look the form up", {{"reason", MessageOf(found.status())}});
    Response busy = Failure(WantsJson(request), 503, "UNAVAILABLE", "Please try again in a moment.");
    busy.headers.emplace_back("Retry-After", "5");
    return {std::move(busy)};
  }
  if (!*found) return {NotFoundAnswer()};
  const KeyedForm& keyed = **found;
  Answer answer;
  answer.tenant = keyed.tenant;
  answer.name = keyed.form.name();
  const std::string origin(request.Header("Origin"));
  if (request.method == "OPTIONS") {
    answer.response = Preflight(keyed.form, origin);
  } else if (request.method != "POST") {
    answer.response = MethodNotAllowed("POST, OPTIONS");
  } else if (!origin.empty() && keyed.form.allowed_origins_size() > 0 && !AllowsOrigin(keyed.form, origin)) {
    answer.response = Failure(WantsJson(request), 403, "ORIGIN_NOT_ALLOWED", "This page may not send the form.");
  } else {
    answer.response = Take(visitor, request, keyed);
  }
  answer.response.headers.emplace_back("Vary", "Origin");
  if (!origin.empty() && AllowsOrigin(keyed.form, origin)) {
    answer.response.headers.emplace_back("Access-Control-Allow-Origin", origin);
  }
  return answer;
}

std::optional<Response> FormEndpoint::Limit(const Visitor& visitor, const KeyedForm& keyed, bool json) {
  const Form& form = keyed.form;
  const std::string name = keyed.tenant + "/" + form.name();
  const int rate = form.rate_per_minute() == 0 ? kRatePerMinute : form.rate_per_minute();
  const int from_there = form.address_rate_per_minute() == 0 ? kAddressRatePerMinute : form.address_rate_per_minute();
  // One address that floods the form takes nothing of what the others may send.
  auto wait = limiter_.Take(name + "/" + embudo::http::AddressGroup(visitor.address), from_there);
  if (!wait) wait = limiter_.Take(name, rate);
  if (!wait) return std::nullopt;
  Response response = Failure(json, 429, "RATE_LIMITED", "Too many messages at once. Please try again in a moment.");
  response.headers.emplace_back("Retry-After", std::to_string(wait->count()));
  return response;
}

Response FormEndpoint::Take(const Visitor& visitor, const Request& request, const KeyedForm& keyed) {
  const bool json = WantsJson(request);
  if (auto refused = Limit(visitor, keyed, json)) return *std::move(refused);
  const std::string content_type(request.Header("Content-Type"));
  const auto fields = logic::ParseFormBody(content_type, request.body);
  if (!fields.ok()) return Unreadable(json, fields.status());
  logic::Capturing capturing =
      logic::CaptureForm(keyed.form, *fields, {request.query, std::string(request.Header("Referer"))});
  capturing.request.set_request_id(Uuid::V7(clock_.Now()).ToString());
  const auto taken =
      intake_.TakeIn({keyed.tenant, events::CaptureIdentity(keyed.tenant), visitor.deadline}, capturing,
                     {content_type.empty() ? "application/x-www-form-urlencoded" : content_type, request.body});
  if (!taken.ok()) {
    log::Warning("forms: not kept", {{"reason", MessageOf(taken.status())}});
    Response busy = Failure(json, 503, "UNAVAILABLE", "Please try again in a moment.");
    busy.headers.emplace_back("Retry-After", "5");
    return busy;
  }
  // What the visitor can mend is told; spam, and what went wrong on this side, look like success.
  if (capturing.outcome == Submission::OUTCOME_REJECTED && !capturing.wrong_field.empty()) {
    return Failure(json, 422, "INVALID_FIELD", capturing.reason, capturing.wrong_field);
  }
  if (taken->outcome() == Submission::OUTCOME_REJECTED && IsAnonymous(capturing.request.lead())) {
    return Failure(json, 422, "UNREACHABLE", "Please tell us how we can reach you.");
  }
  return Success(json, keyed.form);
}

}  // namespace embudo::capture::http
