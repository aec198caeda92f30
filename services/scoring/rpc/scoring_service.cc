#include "services/scoring/rpc/scoring_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_name.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/scoring/logic/evaluation.h"
#include "services/scoring/logic/explain.h"
#include "services/scoring/logic/ml/csv_table.h"
#include "services/scoring/logic/priorities.h"
#include "services/scoring/rpc/operations.h"
#include "services/scoring/storage/frequencies.h"
#include "services/scoring/storage/pending.h"
#include "services/scoring/storage/rebuild.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/tenant.h"

namespace embudo::scoring {
namespace {

using rpc::CallContext;

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
constexpr int kPriorities = 20;
constexpr int kMaxPriorities = 100;
/// A user with more open leads has those considered that pipeline lists first.
constexpr size_t kMostOfAnOwner = 5000;
constexpr size_t kMaxEvaluatedBytes = 64 << 20;

/// `teams/north`; empty for none.
std::string TeamName(const std::string& id) { return id.empty() ? "" : "teams/" + id; }

// A page token is the key of the last row, as the row itself is told.
std::string MakeToken(const v1::Frequency& last) {
  v1::Frequency key;
  key.set_team(last.team());
  key.set_variable(last.variable());
  key.set_value(last.value());
  return absl::WebSafeBase64Escape(key.SerializeAsString());
}

absl::StatusOr<logic::RowKey> ReadToken(const std::string& token) {
  std::string bytes;
  v1::Frequency key;
  if (!absl::WebSafeBase64Unescape(token, &bytes) || !key.ParseFromString(bytes)) {
    return InvalidField("page_token", "is no token that this service made");
  }
  return logic::RowKey{logic::IdOf(key.team()), {key.variable(), key.value()}};
}

}  // namespace

ScoringService::ScoringService(db::Pool& pool, storage::TrainedCache& trained, rpc::Client& pipeline,
                               const Clock& clock, std::function<void()> marked)
    : pool_(pool), trained_(trained), pipeline_(pipeline), clock_(clock), marked_(std::move(marked)) {}

std::unique_ptr<rpc::Service> ScoringService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::ExplainLeadRequest::descriptor()->file()->service(0));
  service->Unary<v1::ExplainLeadRequest, v1::Explanation>(
      "ExplainLead", [this](const CallContext& call, const auto& request) { return ExplainLead(call, request); });
  service->Unary<v1::RebuildFrequenciesRequest, v1::RebuildFrequenciesResponse>(
      "RebuildFrequencies", [this](const CallContext& call, const auto&) { return RebuildFrequencies(call); });
  service->Unary<v1::ListFrequenciesRequest, v1::ListFrequenciesResponse>(
      "ListFrequencies",
      [this](const CallContext& call, const auto& request) { return ListFrequencies(call, request); });
  service->Unary<v1::RescoreLeadsRequest, v1::RescoreLeadsResponse>(
      "RescoreLeads", [this](const CallContext& call, const auto&) { return RescoreLeads(call); });
  service->Unary<v1::GetScoringProgressRequest, v1::ScoringProgress>(
      "GetScoringProgress", [this](const CallContext& call, const auto&) { return GetScoringProgress(call); });
  service->Unary<v1::StartRescoringRequest, google::longrunning::Operation>(
      "StartRescoring", [this](const CallContext& call, const auto& request) { return StartRescoring(call, request); });
  service->Unary<v1::ListPrioritiesRequest, v1::ListPrioritiesResponse>(
      "ListPriorities", [this](const CallContext& call, const auto& request) { return ListPriorities(call, request); });
  service->ClientStream(
      "Evaluate",
      [this](const CallContext&, const rpc::MessageReader& next, google::protobuf::Message& response) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(v1::Evaluation evaluation, Evaluate(next));
        static_cast<v1::Evaluation&>(response).Swap(&evaluation);
        return absl::OkStatus();
      });
  return service;
}

absl::StatusOr<v1::Evaluation> ScoringService::Evaluate(const rpc::MessageReader& next) {
  EMBUDO_ASSIGN_OR_RETURN(const auto first, next());
  if (first == nullptr || !static_cast<const v1::EvaluateRequest&>(*first).has_settings()) {
    return InvalidField("settings", "is required in the first message");
  }
  const std::unique_lock running(evaluating_, std::try_to_lock);
  if (!running.owns_lock()) {
    return Error(absl::StatusCode::kResourceExhausted, "EVALUATION_RUNS", "another evaluation runs on this server")
        .RetryAfter(std::chrono::seconds(10));
  }
  ml::CsvTable csv;
  size_t size = 0;
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const auto message, next());
    if (message == nullptr) break;
    const auto& request = static_cast<const v1::EvaluateRequest&>(*message);
    if (!request.has_chunk()) return InvalidField("chunk", "is required in every message but the first");
    size += request.chunk().size();
    if (size > kMaxEvaluatedBytes) return InvalidField("chunk", "the text is larger than 64 MiB");
    EMBUDO_RETURN_IF_ERROR(csv.Feed(request.chunk()));
  }
  EMBUDO_ASSIGN_OR_RETURN(const ml::Table table, csv.Finish());
  const auto& settings = static_cast<const v1::EvaluateRequest&>(*first).settings();
  EMBUDO_ASSIGN_OR_RETURN(const ml::Evaluation evaluation, ml::Evaluate(table, logic::OptionsOf(settings)));
  return logic::ToProto(evaluation);
}

absl::StatusOr<v1::Explanation> ScoringService::ExplainLead(const CallContext& call,
                                                            const v1::ExplainLeadRequest& request) {
  // Pipeline knows what the caller may see.
  pipeline::v1::GetLeadRequest get;
  get.set_name(request.name());
  EMBUDO_ASSIGN_OR_RETURN(const auto lead,
                          pipeline_.Call<type::v1::Lead>("embudo.pipeline.v1.LeadService/GetLead", call.identity, get));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const logic::Model model, storage::LoadModel(*connection, call.tenant(), trained_));
  return logic::Explain(model, lead, clock_.Now());
}

absl::StatusOr<v1::RebuildFrequenciesResponse> ScoringService::RebuildFrequencies(const CallContext& call) {
  storage::Rebuilt rebuilt;
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, call.tenant(), call.deadline, [&](db::Connection& connection) {
    absl::StatusOr<storage::Rebuilt> result = storage::Rebuild(connection, call.tenant(), clock_.Now());
    if (result.ok()) rebuilt = *result;
    return result.status();
  }));
  marked_();
  v1::RebuildFrequenciesResponse response;
  response.set_won_count(rebuilt.won);
  response.set_lost_count(rebuilt.lost);
  response.set_row_count(rebuilt.rows);
  response.set_pending_count(rebuilt.pending);
  return response;
}

absl::StatusOr<v1::ListFrequenciesResponse> ScoringService::ListFrequencies(const CallContext& call,
                                                                            const v1::ListFrequenciesRequest& request) {
  const int size = request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  logic::RowKey after;
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(after, ReadToken(request.page_token()));
  }
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const logic::FrequencyTable page,
                          storage::LoadPage(*connection, call.tenant(), after, size + 1));
  v1::ListFrequenciesResponse response;
  for (const auto& [key, counts] : page.rows()) {
    if (response.frequencies_size() == size) {
      response.set_next_page_token(MakeToken(response.frequencies(size - 1)));
      break;
    }
    v1::Frequency& row = *response.add_frequencies();
    row.set_team(TeamName(key.team));
    row.set_variable(key.couple.variable);
    row.set_value(key.couple.value);
    row.set_won_count(counts.won);
    row.set_lost_count(counts.lost);
  }
  return response;
}

absl::StatusOr<v1::RescoreLeadsResponse> ScoringService::RescoreLeads(const CallContext& call) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t pending, storage::AskForRescoring(*connection, call.tenant()));
  marked_();
  v1::RescoreLeadsResponse response;
  response.set_pending_count(pending);
  return response;
}

absl::StatusOr<google::longrunning::Operation> ScoringService::StartRescoring(
    const CallContext& call, const v1::StartRescoringRequest& request) {
  absl::StatusOr<google::longrunning::Operation> operation;
  storage::Job job;
  job.tenant = call.tenant();
  job.id =
      request.request_id().empty() ? Uuid::V7(clock_.Now()).ToString() : Uuid::Parse(request.request_id())->ToString();
  job.kind = storage::kRescoring;
  job.state = "RUNNING";
  job.create_time = clock_.Now();
  const auto body = [&](db::Connection& connection) -> absl::Status {
    if (!storage::GetJob(connection, call.tenant(), job.id).ok()) {
      EMBUDO_ASSIGN_OR_RETURN(job.total, storage::AskForRescoring(connection, call.tenant(), job.id));
    }
    EMBUDO_ASSIGN_OR_RETURN(const storage::Job made, storage::MakeJob(connection, job));
    operation = OperationOf(connection, made);
    return operation.status();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, call.tenant(), call.deadline, body));
  marked_();
  return operation;
}

absl::StatusOr<v1::ListPrioritiesResponse> ScoringService::ListPriorities(const CallContext& call,
                                                                          const v1::ListPrioritiesRequest& request) {
  const std::string owner = request.owner().empty() ? call.identity.actor : request.owner();
  static const ResourcePattern pattern("users/{user}");
  if (!pattern.Match(owner)) return InvalidField("owner", "must be users/{user}");
  const int size = request.page_size() == 0 ? kPriorities : std::min(request.page_size(), kMaxPriorities);
  // Pipeline knows what the caller may see.
  pipeline::v1::ListLeadsRequest list;
  list.set_filter("state = OPEN AND archived = false AND owner = \"" + owner + "\"");
  list.set_page_size(kMaxPageSize);
  for (const char* path : {"display_name", "probability", "score", "priority", "next_activity_date", "decision_date",
                           "last_touch_time", "create_time"}) {
    list.mutable_read_mask()->add_paths(path);
  }
  std::vector<type::v1::Lead> leads;
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, pipeline_.Call<pipeline::v1::ListLeadsResponse>(
                                                 "embudo.pipeline.v1.LeadService/ListLeads", call.identity, list));
    leads.insert(leads.end(), page.leads().begin(), page.leads().end());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty() && leads.size() < kMostOfAnOwner);
  v1::ListPrioritiesResponse response;
  for (v1::PriorityLead& priority : logic::Prioritise(leads, clock_.Now())) {
    if (response.priorities_size() == size) break;
    *response.add_priorities() = std::move(priority);
  }
  return response;
}

absl::StatusOr<v1::ScoringProgress> ScoringService::GetScoringProgress(const CallContext& call) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t pending, storage::CountPending(*connection, call.tenant()));
  EMBUDO_ASSIGN_OR_RETURN(const int64_t unmarked, storage::CountUnmarked(*connection, call.tenant()));
  v1::ScoringProgress progress;
  progress.set_pending_count(pending + unmarked);
  return progress;
}

}  // namespace embudo::scoring
