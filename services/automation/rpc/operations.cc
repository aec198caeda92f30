#include "services/automation/rpc/operations.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/automation/v1/operation_service.pb.h"

namespace embudo::automation {

using google::longrunning::Operation;
using rpc::CallContext;

Operation OperationOf(const storage::Operation& row) {
  v1::AssignLeadsMetadata metadata;
  metadata.set_total(row.total);
  metadata.set_done(row.done);
  *metadata.mutable_create_time() = ToTimestamp(row.create_time);
  if (row.end_time) *metadata.mutable_end_time() = ToTimestamp(*row.end_time);
  Operation operation;
  operation.set_name("operations/" + row.id);
  operation.mutable_metadata()->PackFrom(metadata);
  operation.set_done(row.state != "QUEUED" && row.state != "RUNNING");
  if (!operation.done()) return operation;
  if (row.state == "SUCCEEDED") {
    operation.mutable_response()->PackFrom(row.response.value_or(v1::AssignLeadsSummary()));
  } else if (row.error.empty() || !operation.mutable_error()->ParseFromString(row.error)) {
    *operation.mutable_error() =
        ToRpcStatus(Error(absl::StatusCode::kCancelled, "CANCELLED", "it was cancelled before it began"));
  }
  return operation;
}

absl::StatusOr<Operation> OperationService::Get(const CallContext& call, const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, rpc::OperationIdOf(name));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Operation row, storage::GetOperation(*connection, call.tenant(), id));
  return OperationOf(row);
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
        EMBUDO_ASSIGN_OR_RETURN(const storage::Operation row,
                                storage::CancelOperation(*connection, call.tenant(), id, clock_.Now()));
        return OperationOf(row);
      });
  service->Unary<v1::ListOperationsRequest, v1::ListOperationsResponse>(
      "ListOperations",
      [this](const CallContext& call,
             const v1::ListOperationsRequest& request) -> absl::StatusOr<v1::ListOperationsResponse> {
        if (!request.page_token().empty() && !Uuid::Parse(request.page_token())) {
          return InvalidField("page_token", "is no token that this service made");
        }
        const int size = request.page_size() == 0 ? 50 : std::min(request.page_size(), 1000);
        EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
        EMBUDO_ASSIGN_OR_RETURN(std::vector<storage::Operation> rows,
                                storage::ListOperations(*connection, call.tenant(), request.page_token(), size + 1));
        v1::ListOperationsResponse response;
        if (rows.size() > static_cast<size_t>(size)) {
          rows.pop_back();
          response.set_next_page_token(rows.back().id);
        }
        for (const storage::Operation& row : rows) *response.add_operations() = OperationOf(row);
        return response;
      });
  return service;
}

}  // namespace embudo::automation
