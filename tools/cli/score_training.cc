#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "common/base/error.h"
#include "embudo/scoring/v1/operation_service.pb.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "embudo/scoring/v1/training_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "tools/cli/score_commands.h"

namespace embudo::cli {
namespace {

using google::longrunning::Operation;
using scoring::v1::ScoringSettings;
using scoring::v1::TrainingRun;

constexpr char kTraining[] = "embudo.scoring.v1.TrainingService/";
constexpr char kScoring[] = "embudo.scoring.v1.ScoringService/";
constexpr char kOperations[] = "embudo.scoring.v1.OperationService/";

const std::vector<Column>& RunColumns() {
  static const auto* const columns = new std::vector<Column>{{"RUN", "name"},
                                                             {"STATE", "state"},
                                                             {"CAUSE", "cause"},
                                                             {"LEADS", "leads"},
                                                             {"WON", "won_leads"},
                                                             {"CHAMPION", "champion"},
                                                             {"LOG-LOSS", "champion_log_loss"},
                                                             {"SERVES", "serving"},
                                                             {"CREATED", "create_time"}};
  return *columns;
}

Json RowOf(const TrainingRun& run) {
  Json row = ToJson(run);
  for (const auto& model : run.models()) {
    if (model.name() == run.champion()) row["champion_log_loss"] = model.log_loss();
  }
  return row;
}

void PrintRun(const TrainingRun& run, Output& output) {
  if (output.format() == Format::kJson) {
    output.Object(ToJson(run));
    return;
  }
  std::vector<Json> rows;
  for (const auto& model : run.models()) {
    rows.push_back(ToJson(model));
    rows.back()["champion"] = model.name() == run.champion() ? "*" : "";
  }
  output.Rows(rows, {{"", "champion"},
                     {"MODEL", "name"},
                     {"AUC", "auc"},
                     {"LOG-LOSS", "log_loss"},
                     {"BRIER", "brier"},
                     {"ECE", "ece"}});
  if (output.format() == Format::kCsv) return;
  output.stream() << '\n'
                  << run.name() << ": " << run.leads() << " closed leads, " << run.won_leads() << " of them won\n"
                  << run.signal() << '\n'
                  << run.drift().text() << '\n';
}

absl::StatusOr<Operation> WaitUntilDone(Context& context, Operation operation) {
  scoring::v1::WaitOperationRequest request;
  request.set_name(operation.name());
  request.mutable_timeout()->set_seconds(std::max(1, context.timeout_seconds / 4));
  while (!operation.done()) {
    EMBUDO_ASSIGN_OR_RETURN(operation, context.Call<Operation>(std::string(kOperations) + "WaitOperation", request));
  }
  if (operation.has_error()) return FromRpcStatus(operation.error());
  return operation;
}

absl::StatusOr<int> Train(Context& context) {
  scoring::v1::StartTrainingRequest request;
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(Operation operation,
                          context.Call<Operation>(std::string(kTraining) + "StartTraining", request));
  EMBUDO_ASSIGN_OR_RETURN(operation, WaitUntilDone(context, std::move(operation)));
  TrainingRun run;
  operation.response().UnpackTo(&run);
  PrintRun(run, context.output());
  return 0;
}

absl::StatusOr<int> Runs(Context& context, const std::string& name) {
  if (!name.empty()) {
    scoring::v1::GetTrainingRunRequest request;
    request.set_name(NameOf("trainingRuns", name));
    EMBUDO_ASSIGN_OR_RETURN(const auto run,
                            context.Call<TrainingRun>(std::string(kTraining) + "GetTrainingRun", request));
    PrintRun(run, context.output());
    return 0;
  }
  std::vector<Json> rows;
  scoring::v1::ListTrainingRunsRequest request;
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<scoring::v1::ListTrainingRunsResponse>(
                                                 std::string(kTraining) + "ListTrainingRuns", request));
    for (const TrainingRun& run : page.training_runs()) rows.push_back(RowOf(run));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  context.output().Rows(rows, RunColumns());
  return 0;
}

absl::StatusOr<int> Rollback(Context& context, const std::string& name) {
  scoring::v1::RollbackModelRequest request;
  if (!name.empty()) request.set_training_run(NameOf("trainingRuns", name));
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(const auto run, context.Call<TrainingRun>(std::string(kTraining) + "RollbackModel", request));
  PrintRun(run, context.output());
  return 0;
}

absl::StatusOr<int> Rescore(Context& context) {
  scoring::v1::StartRescoringRequest request;
  request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(Operation operation,
                          context.Call<Operation>(std::string(kScoring) + "StartRescoring", request));
  EMBUDO_ASSIGN_OR_RETURN(operation, WaitUntilDone(context, std::move(operation)));
  scoring::v1::RescoringSummary summary;
  operation.response().UnpackTo(&summary);
  context.output().Object({{"operation", operation.name()}, {"leads", summary.leads()}});
  return 0;
}

absl::StatusOr<int> Priorities(Context& context, const std::string& owner, int limit) {
  scoring::v1::ListPrioritiesRequest request;
  if (!owner.empty()) request.set_owner(NameOf("users", owner));
  request.set_page_size(limit);
  EMBUDO_ASSIGN_OR_RETURN(const auto response, context.Call<scoring::v1::ListPrioritiesResponse>(
                                                   std::string(kScoring) + "ListPriorities", request));
  std::vector<Json> rows;
  for (const auto& priority : response.priorities()) {
    Json row = ToJson(priority);
    std::string why;
    for (const std::string& reason : priority.reasons()) why += (why.empty() ? "" : "; ") + reason;
    row["why"] = why;
    rows.push_back(std::move(row));
  }
  context.output().Rows(rows, {{"LEAD", "lead"},
                               {"NAME", "display_name"},
                               {"URGENCY", "urgency"},
                               {"CHANCE", "probability"},
                               {"SCORE", "score"},
                               {"WHY", "why"}});
  return 0;
}

absl::StatusOr<int> Settings(Context& context, ScoringSettings::Method method) {
  ScoringSettings settings;
  if (method == ScoringSettings::METHOD_UNSPECIFIED) {
    scoring::v1::GetScoringSettingsRequest request;
    request.set_name("scoringSettings");
    EMBUDO_ASSIGN_OR_RETURN(settings,
                            context.Call<ScoringSettings>(std::string(kTraining) + "GetScoringSettings", request));
  } else {
    scoring::v1::UpdateScoringSettingsRequest request;
    request.mutable_scoring_settings()->set_name("scoringSettings");
    request.mutable_scoring_settings()->set_method(method);
    request.mutable_update_mask()->add_paths("method");
    request.set_request_id(NewRequestId());
    EMBUDO_ASSIGN_OR_RETURN(settings,
                            context.Call<ScoringSettings>(std::string(kTraining) + "UpdateScoringSettings", request));
  }
  context.output().Object(ToJson(settings));
  return 0;
}

}  // namespace

void AddScoreTraining(CLI::App& score, Context& context) {
  score.add_subcommand("train", "Learns from the tenant's closed leads, and tells how good each kind of model is")
      ->callback([&context] { context.command = [&context] { return Train(context); }; });
  score.add_subcommand("rescore", "Scores all open leads again")->callback([&context] {
    context.command = [&context] { return Rescore(context); };
  });
  const auto name = std::make_shared<std::string>();
  CLI::App& runs = *score.add_subcommand("runs", "The training runs, or one of them");
  runs.add_option("run", *name, "Its name or id");
  runs.callback([&context, name] { context.command = [&context, name] { return Runs(context, *name); }; });
  CLI::App& rollback = *score.add_subcommand("rollback", "Makes an earlier run's models serve");
  rollback.add_option("run", *name, "Its name or id; the one before, unless told");
  rollback.callback([&context, name] { context.command = [&context, name] { return Rollback(context, *name); }; });

  const auto owner = std::make_shared<std::string>();
  const auto limit = std::make_shared<int>(20);
  CLI::App& priorities = *score.add_subcommand("priorities", "Which leads to work first, and why");
  priorities.add_option("--owner", *owner, "Whose; your own, unless told");
  priorities.add_option("--limit", *limit, "How many")->check(CLI::Range(1, 100))->capture_default_str();
  priorities.callback([&context, owner, limit] {
    context.command = [&context, owner, limit] { return Priorities(context, *owner, *limit); };
  });

  const std::map<std::string, ScoringSettings::Method> methods = {
      {"naive_bayes", ScoringSettings::METHOD_NAIVE_BAYES},
      {"automatic", ScoringSettings::METHOD_AUTOMATIC},
      {"logistic", ScoringSettings::METHOD_LOGISTIC},
      {"gradient_boosting", ScoringSettings::METHOD_GRADIENT_BOOSTING}};
  const auto method = std::make_shared<ScoringSettings::Method>(ScoringSettings::METHOD_UNSPECIFIED);
  CLI::App& settings = *score.add_subcommand("settings", "How probabilities are made");
  settings.add_option("--method", *method, "From now on")
      ->transform(CLI::CheckedTransformer(methods).description("{naive_bayes,automatic,logistic,gradient_boosting}"));
  settings.callback(
      [&context, method] { context.command = [&context, method] { return Settings(context, *method); }; });
}

}  // namespace embudo::cli
