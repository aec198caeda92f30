#include "services/scoring/rpc/operations.h"

#include "common/base/error.h"
#include "embudo/scoring/v1/operation_service.pb.h"
#include "services/scoring/rpc/paging.h"
#include "services/scoring/storage/training_runs.h"

namespace embudo::scoring {
namespace {

using google::longrunning::Operation;
using rpc::CallContext;
using storage::Job;

/// A training that waited and was cancelled has nobody who tells its run.
absl::Status TellRun(db::Connection& connection, const CallContext& call, const Job& job, Time now) {
  if (job.kind != storage::kTraining || job.state != "CANCELLED") return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(v1::TrainingRun run, storage::GetRun(connection, call.tenant(), job.id));
  if (run.has_end_time()) return absl::OkStatus();
  run.set_state(v1::TrainingRun::STATE_CANCELLED);
  *run.mutable_end_time() = ToTimestamp(now);
  return storage::SaveRun(connection, call.tenant(), run);
}

}  // namespace

absl::StatusOr<Operation> OperationOf(db::Connection& connection, const Job& job) {
  const bool training = job.kind == storage::kTraining;
  v1::OperationMetadata metadata;
  metadata.set_kind(training ? v1::OperationMetadata::KIND_TRAINING : v1::OperationMetadata::KIND_RESCORING);
  metadata.set_total(job.total);
  metadata.set_done(job.done);
  *metadata.mutable_create_time() = ToTimestamp(job.create_time);
  if (job.end_time) *metadata.mutable_end_time() = ToTimestamp(*job.end_time);
  Operation operation;
  operation.set_name("operations/" + job.id);
  operation.mutable_metadata()->PackFrom(metadata);
  operation.set_done(job.state != "QUEUED" && job.state != "RUNNING");
  if (!operation.done()) return operation;
  if (job.state == "SUCCEEDED" && training) {
    EMBUDO_ASSIGN_OR_RETURN(const v1::TrainingRun run, storage::GetRun(connection, job.tenant, job.id));
    operation.mutable_response()->PackFrom(run);
  } else if (job.state == "SUCCEEDED") {
    v1::RescoringSummary summary;
    summary.set_leads(job.done);
    operation.mutable_response()->PackFrom(summary);
  } else if (job.error.empty() || !operation.mutable_error()->ParseFromString(job.error)) {
    *operation.mutable_error() =
        ToRpcStatus(Error(absl::StatusCode::kCancelled, "CANCELLED", "it was cancelled before it began"));
  }
  return operation;
}

absl::StatusOr<Operation> OperationService::Get(const CallContext& call, const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, rpc::OperationIdOf(name));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const Job job, storage::GetJob(*connection, call.tenant(), id));
  return OperationOf(*connection, job);
}

std::unique_ptr<rpc::Service> OperationService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetOperationRequest::descriptor()->file()->service(0));
  service->Unary<v1::GetOperationRequest, Operation>(
      "GetOperation", [this](const CallContext& call, const auto& request) { return Get(call, request.name()); });
  service->Unary<v1::WaitOperationRequest, Operation>(
      "WaitOperation", [this](const CallContext& call, const v1::WaitOperationRequest& request) {
        return wait_.Run(call, request.has_timeout() ? &request.timeout() : nullptr,
                         [&] { return Get(call, request.name()); });
      });
  service->Unary<v1::CancelOperationRequest, Operation>(
      "CancelOperation",
      [this](const CallContext& call, const v1::CancelOperationRequest& request) -> absl::StatusOr<Operation> {
        EMBUDO_ASSIGN_OR_RETURN(const std::string id, rpc::OperationIdOf(request.name()));
        EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
        EMBUDO_ASSIGN_OR_RETURN(const Job job, storage::CancelJob(*connection, call.tenant(), id, clock_.Now()));
        EMBUDO_RETURN_IF_ERROR(TellRun(*connection, call, job, clock_.Now()));
        return OperationOf(*connection, job);
      });
  service->Unary<v1::ListOperationsRequest, v1::ListOperationsResponse>(
      "ListOperations",
      [this](const CallContext& call,
             const v1::ListOperationsRequest& request) -> absl::StatusOr<v1::ListOperationsResponse> {
        EMBUDO_ASSIGN_OR_RETURN(const std::string before, IdInToken(request.page_token()));
        EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
        const int size = PageSize(request.page_size());
        EMBUDO_ASSIGN_OR_RETURN(std::vector<Job> jobs, storage::ListJobs(*connection, call.tenant(), before, size + 1));
        v1::ListOperationsResponse response;
        if (jobs.size() > static_cast<size_t>(size)) {
          jobs.pop_back();
          response.set_next_page_token(jobs.back().id);
        }
        for (const Job& job : jobs) {
          EMBUDO_ASSIGN_OR_RETURN(*response.add_operations(), OperationOf(*connection, job));
        }
        return response;
      });
  return service;
}

}  // namespace embudo::scoring
