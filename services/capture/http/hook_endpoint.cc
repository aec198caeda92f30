#include "services/capture/http/hook_endpoint.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "services/capture/logic/hook_capture.h"
#include "services/capture/logic/signature.h"

namespace embudo::capture::http {
namespace {

using storage::KeyedHook;
using v1::Submission;

constexpr int kRatePerMinute = 600;

Response JsonAnswer(int status, const nlohmann::json& body) {
  return {status, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", {}};
}

Response Failure(int status, const std::string& code, const std::string& text) {
  return JsonAnswer(status, {{"error", {{"code", code}, {"message", text}}}});
}

Response Later(int status, const std::string& code, int64_t seconds) {
  Response response = Failure(status, code, "try again later");
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

/// The same for each coming of one delivery.
std::string RequestIdOf(const KeyedHook& keyed, const std::string& delivery, Time now) {
  if (delivery.empty()) return Uuid::V7(now).ToString();
  return Uuid::V5(EmbudoUuidSpace(), "hook:" + keyed.tenant + ":" + keyed.hook.name() + ":" + delivery).ToString();
}

}  // namespace

Answer HookEndpoint::Handle(const Visitor& visitor, const Request& request, const std::string& key) {
  if (!storage::IsPublicKey(key)) return {NotFoundAnswer()};
  const auto found = storage::FindHook(worker_pool_, key, clock_.Now(), visitor.deadline);
  if (!found.ok()) {
    log::Warning("webhooks: cannot look the hook up", {{"reason", MessageOf(found.status())}});
    return {Later(503, "UNAVAILABLE", 5)};
  }
  if (!*found) return {NotFoundAnswer()};
  const KeyedHook& keyed = **found;
  Response response = request.method == "POST" ? Take(visitor, request, keyed) : MethodNotAllowed("POST");
  return {std::move(response), keyed.tenant, keyed.hook.name()};
}

Response HookEndpoint::Take(const Visitor& visitor, const Request& request, const KeyedHook& keyed) {
  const v1::Hook& hook = keyed.hook;
  const int rate = hook.rate_per_minute() == 0 ? kRatePerMinute : hook.rate_per_minute();
  // What is not signed is refused before it counts: nobody else uses up the sender's share.
  const absl::Status signature = logic::VerifySignature(
      hook.signature(), keyed.secrets, request.Header(hook.signature().header()), request.body, clock_.Now());
  if (!signature.ok()) return Failure(401, ReasonOf(signature), MessageOf(signature));
  if (const auto wait = limiter_.Take(keyed.tenant + "/" + hook.name(), rate)) {
    return Later(429, "RATE_LIMITED", wait->count());
  }
  logic::Capturing capturing = logic::CaptureHook(hook, request.body);
  const std::string header(hook.delivery_id_header().empty() ? "" : request.Header(hook.delivery_id_header()));
  capturing.request.set_request_id(RequestIdOf(keyed, logic::DeliveryIdOf(hook, header, request.body), clock_.Now()));
  const std::string content_type(request.Header("Content-Type"));
  const auto taken = intake_.TakeIn({keyed.tenant, events::CaptureIdentity(keyed.tenant), visitor.deadline}, capturing,
                                    {content_type.empty() ? "application/json" : content_type, request.body});
  if (ReasonOf(taken.status()) == "REQUEST_ID_REUSED") return JsonAnswer(200, {{"outcome", "duplicate"}});
  if (!taken.ok()) {
    log::Warning("webhooks: not kept", {{"reason", MessageOf(taken.status())}});
    return Later(503, "UNAVAILABLE", 5);
  }
  nlohmann::json body = {{"submission", taken->submission()}};
  const std::string outcome = Submission::Outcome_Name(taken->outcome());
  body["outcome"] = taken->outcome() == Submission::OUTCOME_UNSPECIFIED
                        ? "accepted"
                        : absl::AsciiStrToLower(outcome.substr(outcome.find('_') + 1));
  if (!taken->reason().empty()) body["reason"] = taken->reason();
  return JsonAnswer(200, body);
}

}  // namespace embudo::capture::http
