#include "common/base/error.h"
#include "common/rpc/operation_wait.h"
#include "embudo/capture/v1/operation_service.pb.h"
#include "services/capture/rpc/operations.h"
#include "services/capture/rpc/paging.h"
#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using google::longrunning::Operation;
using storage::ImportJob;
using v1::ImportMetadata;

absl::StatusOr<Operation> Get(Room& room, const CallContext& call, const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, embudo::rpc::OperationIdOf(name));
  EMBUDO_ASSIGN_OR_RETURN(const ImportJob job, room.imports.Get(call.tenant(), id, call.deadline));
  return OperationOf(job);
}

absl::StatusOr<Operation> Wait(Room& room, const CallContext& call, const v1::WaitOperationRequest& request) {
  return room.operation_wait.Run(call, request.has_timeout() ? &request.timeout() : nullptr,
                                 [&] { return Get(room, call, request.name()); });
}

absl::StatusOr<Operation> Cancel(Room& room, const CallContext& call, const v1::CancelOperationRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, embudo::rpc::OperationIdOf(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const ImportJob job, room.imports.Cancel(call.tenant(), id, room.clock.Now(), call.deadline));
  return OperationOf(job);
}

absl::StatusOr<v1::ListOperationsResponse> List(Room& room, const CallContext& call,
                                                const v1::ListOperationsRequest& request) {
  constexpr char kQuery[] = "operations";
  EMBUDO_ASSIGN_OR_RETURN(const std::string before, PlaceIn(request.page_token(), kQuery));
  const int size = PageSize(request.page_size(), 50, 1000);
  EMBUDO_ASSIGN_OR_RETURN(std::vector<ImportJob> jobs,
                          room.imports.List(call.tenant(), before, size + 1, call.deadline));
  v1::ListOperationsResponse response;
  if (jobs.size() > static_cast<size_t>(size)) {
    jobs.pop_back();
    response.set_next_page_token(PageToken(jobs.back().id, kQuery));
  }
  for (const ImportJob& job : jobs) *response.add_operations() = OperationOf(job);
  return response;
}

}  // namespace

Operation OperationOf(const ImportJob& job) {
  Operation operation;
  operation.set_name("operations/" + job.id);
  const bool undo = !job.undoes.empty();
  if (undo) {
    operation.mutable_metadata()->PackFrom(job.undo);
  } else {
    operation.mutable_metadata()->PackFrom(job.progress);
  }
  const ImportMetadata::State state = job.progress.state();
  operation.set_done(state != ImportMetadata::STATE_QUEUED && state != ImportMetadata::STATE_RUNNING);
  if (state == ImportMetadata::STATE_SUCCEEDED && undo) {
    v1::UndoImportResponse response;
    *response.mutable_summary() = job.undo;
    operation.mutable_response()->PackFrom(response);
  } else if (state == ImportMetadata::STATE_SUCCEEDED) {
    v1::ImportLeadsResponse response;
    *response.mutable_summary() = job.progress;
    operation.mutable_response()->PackFrom(response);
  } else if (operation.done()) {
    *operation.mutable_error() = job.error;
    if (job.error.code() == 0) {
      *operation.mutable_error() = ToRpcStatus(
          Error(absl::StatusCode::kCancelled, "IMPORT_CANCELLED", "the import was cancelled before it began"));
    }
  }
  return operation;
}

std::unique_ptr<embudo::rpc::Service> MakeOperationService(Room& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetOperationRequest::descriptor()->file()->service(0));
  service->Unary<v1::GetOperationRequest, Operation>(
      "GetOperation", [&room](const CallContext& call, const v1::GetOperationRequest& request) {
        return Get(room, call, request.name());
      });
  service->Unary<v1::WaitOperationRequest, Operation>(
      "WaitOperation",
      [&room](const CallContext& call, const v1::WaitOperationRequest& request) { return Wait(room, call, request); });
  service->Unary<v1::CancelOperationRequest, Operation>(
      "CancelOperation", [&room](const CallContext& call, const v1::CancelOperationRequest& request) {
        return Cancel(room, call, request);
      });
  service->Unary<v1::ListOperationsRequest, v1::ListOperationsResponse>(
      "ListOperations",
      [&room](const CallContext& call, const v1::ListOperationsRequest& request) { return List(room, call, request); });
  return service;
}

}  // namespace embudo::capture::rpc
