#include "services/capture/events/enricher.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "services/capture/events/http_lookup.h"
#include "services/capture/events/intake.h"
#include "services/capture/events/secrets.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using embudo::rpc::CallContext;
using type::v1::Lead;
using v1::Enrichment;
using v1::EnrichmentAttempt;
using v1::EnrichmentProvider;

constexpr int kFillAttempts = 5;
constexpr std::chrono::milliseconds kTimeout{5000};
constexpr std::chrono::milliseconds kBusyPause{1000};

/// The caller's right is checked where it reads the lead; what is written is the service's doing.
embudo::rpc::Identity WriterOf(const CallContext& call) {
  embudo::rpc::Identity identity = CaptureIdentity(call.tenant());
  identity.cause = call.identity.cause;
  return identity;
}

}  // namespace

absl::StatusOr<Enrichment> Enricher::Enrich(const CallContext& call, const Lead& lead) {
  const logic::CompanyKey key = logic::CompanyKeyOf(lead);
  Enrichment enrichment;
  enrichment.set_lead(lead.name());
  enrichment.set_domain(key.domain);
  enrichment.set_reason(key.skipped);
  enrichment.set_state(Enrichment::STATE_SKIPPED);
  if (!key.skipped.empty()) return enrichment;
  EMBUDO_ASSIGN_OR_RETURN(const std::optional<Answer> answer, AskAll(call, key, enrichment));
  if (!answer) return enrichment;
  EMBUDO_RETURN_IF_ERROR(Fill(call, lead, answer->found, enrichment));
  EMBUDO_RETURN_IF_ERROR(Note(call, answer->provider, enrichment));
  return enrichment;
}

absl::StatusOr<std::optional<Enricher::Answer>> Enricher::AskAll(const CallContext& call, const logic::CompanyKey& key,
                                                                 Enrichment& enrichment) {
  EMBUDO_ASSIGN_OR_RETURN(const auto providers, store_.Providers(call.tenant(), call.deadline));
  if (providers.empty()) {
    enrichment.set_reason("NO_PROVIDER");
    return std::nullopt;
  }
  EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureSettings settings, settings_.Get(call.tenant(), call.deadline));
  std::optional<int64_t> most;
  if (settings.has_monthly_enrichment_credits()) most = settings.monthly_enrichment_credits();
  bool all_asked = true;
  for (const EnrichmentProvider& provider : providers) {
    EnrichmentAttempt& attempt = *enrichment.add_attempts();
    Lead found;
    EMBUDO_RETURN_IF_ERROR(AskOne(call, provider, key, most, attempt, found));
    if (attempt.outcome() == EnrichmentAttempt::OUTCOME_MATCHED) {
      enrichment.set_state(Enrichment::STATE_SUCCEEDED);
      enrichment.set_provider(provider.name());
      enrichment.set_credits(provider.credits_per_match());
      return Answer{provider, std::move(found)};
    }
    all_asked = all_asked && attempt.outcome() == EnrichmentAttempt::OUTCOME_NO_MATCH;
  }
  enrichment.set_state(all_asked ? Enrichment::STATE_NO_MATCH : Enrichment::STATE_FAILED);
  return std::nullopt;
}

absl::Status Enricher::AskOne(const CallContext& call, const EnrichmentProvider& provider, const logic::CompanyKey& key,
                              std::optional<int64_t> most, EnrichmentAttempt& attempt, Lead& found) {
  attempt.set_provider(provider.name());
  // Taken before it is asked, so that no two calls spend the same credit.
  const int64_t cost = provider.credits_per_match();
  const Time now = clock_.Now();
  if (cost > 0) {
    EMBUDO_ASSIGN_OR_RETURN(const bool taken, store_.Spend(call.tenant(), now, cost, most, call.deadline));
    if (!taken) {
      attempt.set_outcome(EnrichmentAttempt::OUTCOME_NO_CREDITS);
      return absl::OkStatus();
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  const absl::StatusOr<std::optional<std::string>> answer = Ask(call, provider, key);
  const auto took = std::chrono::steady_clock::now() - begin;
  attempt.mutable_duration()->set_nanos(static_cast<int32_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(took % std::chrono::seconds(1)).count()));
  attempt.mutable_duration()->set_seconds(std::chrono::duration_cast<std::chrono::seconds>(took).count());
  absl::Status failed = answer.status();
  if (failed.ok() && *answer) {
    absl::StatusOr<Lead> lead = logic::LeadOfAnswer(provider, **answer);
    failed = lead.status();
    if (failed.ok()) found = *std::move(lead);
  }
  const bool known = failed.ok() && found.ByteSizeLong() > 0;
  attempt.set_outcome(known         ? EnrichmentAttempt::OUTCOME_MATCHED
                      : failed.ok() ? EnrichmentAttempt::OUTCOME_NO_MATCH
                                    : EnrichmentAttempt::OUTCOME_FAILED);
  if (!failed.ok()) attempt.set_error(std::string(failed.message()));
  if (!known && cost > 0) EMBUDO_RETURN_IF_ERROR(store_.Spend(call.tenant(), now, -cost, {}, call.deadline).status());
  return ReasonOf(failed) == "TOO_MANY_LOOKUPS" ? failed : absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> Enricher::Ask(const CallContext& call, const EnrichmentProvider& provider,
                                                         const logic::CompanyKey& key) {
  if (provider.has_company_list()) {
    return store_.FindCompany(call.tenant(), IdOf(provider.name()), key.domain, call.deadline);
  }
  const absl::Cleanup done = [this] { --asking_; };
  if (++asking_ > options_.parallel) {
    return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_LOOKUPS",
                 "too many providers are being asked at this moment")
        .RetryAfter(kBusyPause);
  }
  HttpLookup lookup;
  lookup.uri = logic::AddressOf(provider.http(), key);
  lookup.private_targets = options_.private_targets;
  lookup.timeout = std::clamp(call.TimeLeft(), std::chrono::milliseconds(1), kTimeout);
  if (!provider.http().key_file().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string secret,
                            ReadSecret(options_.secrets_dir, call.tenant(), provider.http().key_file()));
    lookup.header = provider.http().key_header() + ": " + provider.http().key_prefix() + secret;
  }
  return LookUp(lookup);
}

absl::Status Enricher::Fill(const CallContext& call, Lead lead, const Lead& found, Enrichment& enrichment) {
  const embudo::rpc::Identity writer = WriterOf(call);
  absl::Status status;
  for (int attempt = 0; attempt < kFillAttempts; ++attempt) {
    const logic::Missing missing = logic::MissingIn(lead, found);
    if (missing.mask.paths().empty()) return absl::OkStatus();
    api::UpdateLeadRequest update;
    *update.mutable_lead() = missing.lead;
    *update.mutable_update_mask() = missing.mask;
    status = pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/UpdateLead", writer, update).status();
    if (status.ok()) *enrichment.mutable_filled_fields() = missing.mask.paths();
    if (!absl::IsAborted(status)) return status;
    // Somebody has changed it meanwhile, and may have filled something.
    api::GetLeadRequest get;
    get.set_name(lead.name());
    EMBUDO_ASSIGN_OR_RETURN(lead, pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", writer, get));
  }
  return status;
}

absl::Status Enricher::Note(const CallContext& call, const EnrichmentProvider& provider, const Enrichment& enrichment) {
  if (enrichment.filled_fields().empty()) return absl::OkStatus();
  std::string body = "Filled by " + provider.display_name() + " (" + enrichment.domain() + "):";
  for (const std::string& field : enrichment.filled_fields()) body += " " + field;
  api::CreateMessageRequest request;
  request.set_parent(enrichment.lead());
  request.mutable_message()->set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  request.mutable_message()->set_body(body);
  return pipeline_.Call<type::v1::Message>("embudo.pipeline.v1.MessageService/CreateMessage", WriterOf(call), request)
      .status();
}

}  // namespace embudo::capture::events
