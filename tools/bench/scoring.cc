// Scoring: counting a tenant's history anew, scoring all its open leads, one score, and from a change to its score.

#include <algorithm>
#include <thread>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/scoring/v1/operation_service.pb.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "embudo/scoring/v1/training.pb.h"
#include "google/longrunning/operations.pb.h"
#include "services/scoring/logic/naive_bayes.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using google::longrunning::Operation;
using std::chrono::steady_clock;

constexpr char kScoring[] = "embudo.scoring.v1.ScoringService/";
constexpr char kOperations[] = "embudo.scoring.v1.OperationService/";
constexpr char kPipeline[] = "embudo.pipeline.v1.LeadService/";
constexpr int kScores = 200000;
constexpr int kFollowed = 200;
constexpr std::chrono::milliseconds kLook{1};
constexpr std::chrono::seconds kLongest{10};

double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

/// Seconds of one sequential scan of what scoring knows of leads; 0 without --postgres.
absl::StatusOr<double> ScanSeconds(const Options& options) {
  if (options.postgres.empty()) return 0.0;
  const auto start = steady_clock::now();
  EMBUDO_RETURN_IF_ERROR(RunCommand("psql -XAtq '" + options.postgres +
                                    "' -c 'SET max_parallel_workers_per_gather = 0'"
                                    " -c 'SELECT sum(length(data)) FROM scoring.lead'")
                             .status());
  return SecondsSince(start);
}

absl::Status MeasureRebuild(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  EMBUDO_ASSIGN_OR_RETURN(const double scan, ScanSeconds(options));
  auto start = steady_clock::now();
  EMBUDO_ASSIGN_OR_RETURN(const auto rebuilt,
                          context.Call<scoring::v1::RebuildFrequenciesResponse>(
                              std::string(kScoring) + "RebuildFrequencies", scoring::v1::RebuildFrequenciesRequest()));
  const auto closed = std::to_string(rebuilt.won_count() + rebuilt.lost_count());
  figures->push_back({"naive Bayes: count " + closed + " closed leads", "s", SecondsSince(start), scan,
                      "one sequential scan of scoring.lead"});
  start = steady_clock::now();
  scoring::v1::StartRescoringRequest request;
  request.set_request_id(cli::NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(auto operation, context.Call<Operation>(std::string(kScoring) + "StartRescoring", request));
  scoring::v1::WaitOperationRequest wait;
  wait.set_name(operation.name());
  while (!operation.done()) {
    EMBUDO_ASSIGN_OR_RETURN(operation, context.Call<Operation>(std::string(kOperations) + "WaitOperation", wait));
  }
  scoring::v1::RescoringSummary summary;
  operation.response().UnpackTo(&summary);
  figures->push_back(
      {"score all open leads", "leads/s", static_cast<double>(summary.leads()) / SecondsSince(start), 0, ""});
  return absl::OkStatus();
}

/// The sum itself, with as many variables and values as a tenant has.
void MeasureOneScore(std::vector<Figure>* figures) {
  namespace logic = scoring::logic;
  logic::FrequencyTable table;
  logic::Features features{.stage = "s", .first_stage = "s"};
  table.Put({"", {"stage", "s"}}, {500.1, 900.1});
  for (int variable = 0; variable < 7; ++variable) {
    const std::string name = "variable " + std::to_string(variable);
    for (int value = 0; value < 50; ++value) {
      table.Put({"", {name, std::to_string(value)}}, {10.1 + value, 20.1});
    }
    features.couples.push_back({name, std::to_string(variable)});
  }
  const logic::NaiveBayes bayes(table);
  double sum = 0;
  const auto start = steady_clock::now();
  for (int i = 0; i < kScores; ++i) sum += bayes.Probability(features).value_or(0);
  const double micros = 1e6 * SecondsSince(start) / kScores;
  // The sum is told apart from nothing, so that it is computed.
  figures->push_back({"naive Bayes: one probability", "us", sum < 0 ? 0 : micros, 0, ""});
}

absl::Status MeasureVisible(cli::Context& context, std::vector<Figure>* figures) {
  Latencies latencies;
  for (int i = 0; i < kFollowed; ++i) {
    pipeline::v1::CreateLeadRequest create;
    create.mutable_lead()->set_display_name("Scored");
    create.mutable_lead()->set_pain("slow");  // one of the default criteria
    create.set_request_id(cli::NewRequestId());
    EMBUDO_ASSIGN_OR_RETURN(type::v1::Lead lead,
                            context.Call<type::v1::Lead>(std::string(kPipeline) + "CreateLead", create));
    const auto start = steady_clock::now();
    pipeline::v1::GetLeadRequest get;
    get.set_name(lead.name());
    while (lead.score() == 0 && steady_clock::now() - start < kLongest) {
      std::this_thread::sleep_for(kLook);
      EMBUDO_ASSIGN_OR_RETURN(lead, context.Call<type::v1::Lead>(std::string(kPipeline) + "GetLead", get));
    }
    latencies.Add(steady_clock::now() - start);
  }
  figures->push_back({"change to score and probability visible, p50", "ms", latencies.Percentile(0.5), 0, ""});
  figures->push_back({"change to score and probability visible, p99", "ms", latencies.Percentile(0.99), 0, ""});
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureScoring(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  MeasureOneScore(figures);
  EMBUDO_RETURN_IF_ERROR(MeasureVisible(context, figures));
  return MeasureRebuild(context, options, figures);
}

}  // namespace embudo::bench
