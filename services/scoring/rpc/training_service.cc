#include "services/scoring/rpc/training_service.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "common/resource/mask.h"
#include "services/scoring/rpc/operations.h"
#include "services/scoring/rpc/paging.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/tenant.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring {
namespace {

using google::longrunning::Operation;
using rpc::CallContext;
using storage::Job;

constexpr char kSettings[] = "scoringSettings";

absl::StatusOr<std::string> IdOfRun(const std::string& name, std::string_view field) {
  static const ResourcePattern pattern("trainingRuns/{training_run}");
  EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(pattern, name, field));
  if (!Uuid::Parse(ids[0])) return NotFound("embudo.dev/TrainingRun", name);
  return ids[0];
}

absl::Status CheckSettings(const v1::ScoringSettings& settings) {
  const auto check = [](int value, const char* field) {
    return value < 0 ? InvalidField(std::string("scoring_settings.") + field, "must not be negative")
                     : absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(check(settings.retrain_after_closings(), "retrain_after_closings"));
  EMBUDO_RETURN_IF_ERROR(check(settings.retrain_after_days(), "retrain_after_days"));
  if (!v1::ScoringSettings::Method_IsValid(settings.method())) {
    return InvalidField("scoring_settings.method", "is none of its values");
  }
  return absl::OkStatus();
}

}  // namespace

TrainingService::TrainingService(db::Pool& pool, const Clock& clock, std::function<void()> marked)
    : pool_(pool), clock_(clock), marked_(std::move(marked)) {}

std::unique_ptr<rpc::Service> TrainingService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::StartTrainingRequest::descriptor()->file()->service(0));
  service->Unary<v1::StartTrainingRequest, Operation>(
      "StartTraining", [this](const CallContext& call, const auto& request) { return StartTraining(call, request); });
  service->Unary<v1::GetTrainingRunRequest, v1::TrainingRun>(
      "GetTrainingRun",
      [this](const CallContext& call, const auto& request) { return GetTrainingRun(call, request.name()); });
  service->Unary<v1::ListTrainingRunsRequest, v1::ListTrainingRunsResponse>(
      "ListTrainingRuns",
      [this](const CallContext& call, const auto& request) { return ListTrainingRuns(call, request); });
  service->Unary<v1::RollbackModelRequest, v1::TrainingRun>(
      "RollbackModel", [this](const CallContext& call, const auto& request) { return RollbackModel(call, request); });
  service->Unary<v1::GetScoringSettingsRequest, v1::ScoringSettings>(
      "GetScoringSettings",
      [this](const CallContext& call, const auto& request) { return GetSettings(call, request.name()); });
  service->Unary<v1::UpdateScoringSettingsRequest, v1::ScoringSettings>(
      "UpdateScoringSettings",
      [this](const CallContext& call, const auto& request) { return UpdateSettings(call, request); });
  return service;
}

absl::StatusOr<Operation> TrainingService::StartTraining(const CallContext& call,
                                                         const v1::StartTrainingRequest& request) {
  absl::StatusOr<Operation> operation;
  const std::string id =
      request.request_id().empty() ? Uuid::V7(clock_.Now()).ToString() : Uuid::Parse(request.request_id())->ToString();
  const auto make = [&](db::Connection& connection) -> absl::StatusOr<Operation> {
    EMBUDO_RETURN_IF_ERROR(storage::LockTenant(connection, call.tenant(), clock_.Now()));
    EMBUDO_ASSIGN_OR_RETURN(const auto open, storage::OpenJob(connection, call.tenant(), storage::kTraining));
    if (open && open->state == "QUEUED") return OperationOf(connection, *open);
    EMBUDO_ASSIGN_OR_RETURN(const Job job, storage::MakeTraining(connection, call.tenant(), id,
                                                                 v1::TrainingRun::CAUSE_REQUEST, clock_.Now()));
    return OperationOf(connection, job);
  };
  const auto body = [&](db::Connection& connection) {
    operation = make(connection);
    return operation.status();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, call.tenant(), call.deadline, body));
  return operation;
}

absl::StatusOr<v1::TrainingRun> TrainingService::GetTrainingRun(const CallContext& call, const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfRun(name, "name"));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  return storage::GetRun(*connection, call.tenant(), id);
}

absl::StatusOr<v1::ListTrainingRunsResponse> TrainingService::ListTrainingRuns(
    const CallContext& call, const v1::ListTrainingRunsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string before, IdInToken(request.page_token()));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  const int size = PageSize(request.page_size());
  EMBUDO_ASSIGN_OR_RETURN(std::vector<v1::TrainingRun> runs,
                          storage::ListRuns(*connection, call.tenant(), before, size + 1));
  v1::ListTrainingRunsResponse response;
  if (runs.size() > static_cast<size_t>(size)) {
    runs.pop_back();
    response.set_next_page_token(IdOf(runs.back().name()));
  }
  for (v1::TrainingRun& run : runs) *response.add_training_runs() = std::move(run);
  return response;
}

absl::StatusOr<v1::TrainingRun> TrainingService::RollbackModel(const CallContext& call,
                                                               const v1::RollbackModelRequest& request) {
  v1::TrainingRun run;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(storage::LockTenant(connection, call.tenant(), clock_.Now()));
    EMBUDO_ASSIGN_OR_RETURN(const auto settings, storage::GetSettings(connection, call.tenant()));
    std::string id;
    if (!request.training_run().empty()) {
      EMBUDO_ASSIGN_OR_RETURN(id, IdOfRun(request.training_run(), "training_run"));
      EMBUDO_RETURN_IF_ERROR(storage::GetRun(connection, call.tenant(), id).status());
    } else if (!settings.serving_run().empty()) {
      EMBUDO_ASSIGN_OR_RETURN(id, storage::RunBefore(connection, call.tenant(), IdOf(settings.serving_run())));
    }
    bool has_models = false;
    if (!id.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(has_models, storage::HasModels(connection, call.tenant(), id));
    }
    if (!has_models) {
      return Error(absl::StatusCode::kFailedPrecondition, "NO_MODEL",
                   id.empty() ? "there is no training run before the one that serves" : "the run has no models")
          .Violation("MODEL", request.training_run(), "must have succeeded");
    }
    EMBUDO_RETURN_IF_ERROR(storage::SetServing(connection, call.tenant(), id));
    EMBUDO_RETURN_IF_ERROR(storage::AskForRescoring(connection, call.tenant()).status());
    EMBUDO_ASSIGN_OR_RETURN(run, storage::GetRun(connection, call.tenant(), id));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, call.tenant(), call.deadline, body));
  marked_();
  return run;
}

absl::StatusOr<v1::ScoringSettings> TrainingService::GetSettings(const CallContext& call, const std::string& name) {
  if (name != kSettings) return InvalidField("name", "must be scoringSettings");
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  return storage::GetSettings(*connection, call.tenant());
}

absl::StatusOr<v1::ScoringSettings> TrainingService::UpdateSettings(const CallContext& call,
                                                                    const v1::UpdateScoringSettingsRequest& request) {
  v1::ScoringSettings settings;
  const auto body = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(storage::LockTenant(connection, call.tenant(), clock_.Now()));
    EMBUDO_ASSIGN_OR_RETURN(settings, storage::GetSettings(connection, call.tenant()));
    const v1::ScoringSettings before = settings;
    EMBUDO_RETURN_IF_ERROR(resource::ApplyMask(resource::MaskOf(request, request.scoring_settings()),
                                               request.scoring_settings(), "scoring_settings", &settings));
    settings.set_name(kSettings);
    if (settings.method() == v1::ScoringSettings::METHOD_UNSPECIFIED) {
      settings.set_method(v1::ScoringSettings::METHOD_NAIVE_BAYES);
    }
    EMBUDO_RETURN_IF_ERROR(CheckSettings(settings));
    EMBUDO_RETURN_IF_ERROR(storage::SaveSettings(connection, call.tenant(), settings));
    if (settings.method() == before.method()) return absl::OkStatus();
    return storage::AskForRescoring(connection, call.tenant()).status();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, call.tenant(), call.deadline, body));
  marked_();
  return settings;
}

}  // namespace embudo::scoring
