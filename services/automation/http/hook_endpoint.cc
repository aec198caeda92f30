#include "services/automation/http/hook_endpoint.h"

#include <prometheus/counter.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/http/webhook_signature.h"
#include "common/log/log.h"
#include "common/rpc/call_context.h"
#include "embudo/pipeline/v1/bulk.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/automation/events/run_context.h"
#include "services/automation/logic/new_run.h"
#include "services/automation/storage/runs.h"

namespace embudo::automation::http {
namespace {

using embudo::http::Request;
using embudo::http::Response;
using nlohmann::json;
using storage::HookedRule;
using type::v1::Lead;

constexpr std::chrono::seconds kDeadline{10};
constexpr char kPrefix[] = "/hooks/";
constexpr char kLeads[] = "leads/";

Response JsonAnswer(int status, const json& body) {
  return {status, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", {}};
}

Response Failure(int status, const std::string& code, const std::string& text) {
  return JsonAnswer(status, {{"error", {{"code", code}, {"message", text}}}});
}

Response FailureOf(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Failure(400, reason, MessageOf(status));
    case absl::StatusCode::kUnauthenticated:
      return Failure(401, reason, MessageOf(status));
    case absl::StatusCode::kNotFound:
      return Failure(404, "NOT_FOUND", "there is nothing of that name");
    default:
      log::Warning("automation: a call was not taken", {{"why", MessageOf(status)}});
      Response response = Failure(503, "UNAVAILABLE", "try again later");
      response.headers.emplace_back("Retry-After", "5");
      return response;
  }
}

absl::Status NothingThere() { return absl::NotFoundError("nothing"); }

/// The text or number at the path; empty if there is none.
std::string TextAt(const json& body, const std::string& path) {
  const json* at = &body;
  for (const auto& key : absl::StrSplit(path, '.')) {
    if (!at->is_object()) return "";
    const auto found = at->find(std::string(key));
    if (found == at->end()) return "";
    at = &*found;
  }
  if (at->is_string()) return at->get<std::string>();
  return at->is_number() ? at->dump() : "";
}

}  // namespace

Response HookEndpoint::Handle(const Request& request) {
  embudo::rpc::CallContext call;
  call.method = "http";
  call.call_id = Uuid::V7(clock_.Now()).ToString();
  call.deadline = std::chrono::steady_clock::now() + kDeadline;
  const embudo::rpc::CallScope scope(call);
  absl::StatusOr<Response> taken = Take(request);
  Response response = taken.ok() ? *std::move(taken) : FailureOf(taken.status());
  metrics_
      .Counter("embudo_automation_hook_calls_total", "Calls of rules by other systems, by how they were answered",
               {{"status", std::to_string(response.status)}})
      .Increment();
  return response;
}

absl::StatusOr<Response> HookEndpoint::Take(const Request& request) {
  if (!request.path.starts_with(kPrefix)) return NothingThere();
  const std::string key = request.path.substr(sizeof(kPrefix) - 1);
  if (!storage::IsHookKey(key)) return NothingThere();
  if (request.method != "POST") return Failure(405, "METHOD_NOT_ALLOWED", "POST is");
  EMBUDO_ASSIGN_OR_RETURN(const std::optional<HookedRule> hooked,
                          storage::FindHookedRule(pool_, key, db::After(kDeadline)));
  if (!hooked) return NothingThere();
  const Time now = clock_.Now();
  const std::string id(request.Header("webhook-id"));
  if (!hooked->rule.trigger().webhook_received().unsigned_()) {
    EMBUDO_RETURN_IF_ERROR(embudo::http::VerifyWebhook(hooked->secret, id, request.Header("webhook-timestamp"),
                                                       request.Header("webhook-signature"), request.body, now));
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::string lead, LeadOf(*hooked, request.body));
  const std::string name = "call " + hooked->tenant + " " + hooked->rule.name() + " " + id;
  const std::string event_id = (id.empty() ? Uuid::V7(now) : Uuid::V5(EmbudoUuidSpace(), name)).ToString();
  storage::NewRun run{hooked->tenant,
                      logic::RunForMoment(hooked->rule, logic::kWebhookReceived, event_id, lead, now, now),
                      &hooked->rule};
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kDeadline)));
    EMBUDO_RETURN_IF_ERROR(storage::InsertRuns(*lease, {run}));
    EMBUDO_ASSIGN_OR_RETURN(const std::string made,
                            storage::FindRunOfEvent(*lease, hooked->tenant, hooked->rule.name(), event_id));
    run.run.set_name(made);
  }
  wake_();
  return JsonAnswer(202, {{"run", run.run.name()}});
}

absl::StatusOr<std::string> HookEndpoint::LeadOf(const HookedRule& hooked, const std::string& body) {
  const json parsed = json::parse(body, nullptr, false);
  if (parsed.is_discarded()) return InvalidField("body", "is no JSON");
  const auto& trigger = hooked.rule.trigger().webhook_received();
  const std::string path = trigger.lead_path().empty() ? "lead" : trigger.lead_path();
  const std::string value = TextAt(parsed, path);
  if (value.empty()) return InvalidField("body", "names no lead at " + path);
  if (!trigger.external_id_system().empty()) return FindByExternalId(hooked, value);
  pipeline::v1::GetLeadRequest request;
  request.set_name(value.starts_with(kLeads) ? value : kLeads + value);
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead",
                                                                events::IdentityOf(hooked.tenant), request));
  return lead.name();
}

absl::StatusOr<std::string> HookEndpoint::FindByExternalId(const HookedRule& hooked, const std::string& id) {
  // An upsert that is only validated tells which record it would change.
  pipeline::v1::BulkUpsertLeadsRequest request;
  request.set_validate_only(true);
  Lead& lead = *request.add_items()->mutable_lead();
  lead.set_display_name("lead");
  auto& external_id = *lead.add_external_ids();
  external_id.set_system(hooked.rule.trigger().webhook_received().external_id_system());
  external_id.set_id(id);
  EMBUDO_ASSIGN_OR_RETURN(const auto response, pipeline_.Call<pipeline::v1::BulkUpsertLeadsResponse>(
                                                   "embudo.pipeline.v1.LeadService/BulkUpsertLeads",
                                                   events::IdentityOf(hooked.tenant), request));
  for (const auto& result : response.results()) {
    using Outcome = pipeline::v1::BulkResult;
    if (result.outcome() == Outcome::OUTCOME_UNCHANGED || result.outcome() == Outcome::OUTCOME_UPDATED) {
      return result.name();
    }
  }
  return NothingThere();
}

}  // namespace embudo::automation::http
