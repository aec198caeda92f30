#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/pipeline/v1/approval_service.pb.h"
#include "services/pipeline/logic/approval_rules.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Approval;
using type::v1::Lead;

absl::StatusOr<Approval> RequestApproval(Records& records, const CallContext& call,
                                         const v1::RequestApprovalRequest& request) {
  EMBUDO_RETURN_IF_ERROR(ParseName(records.leads().table().pattern(), request.parent(), "parent").status());
  auto approval = std::make_unique<Approval>();
  approval->set_name(request.parent() + "/approvals/" + Uuid::V7(records.clock().Now()).ToString());
  approval->set_criterion(request.criterion());
  approval->set_request_note(request.note());
  Approval response;
  const absl::Status status = records.approvals().WriteNew(call, std::move(approval), request, response);
  if (status.code() == absl::StatusCode::kAlreadyExists) {
    // Somebody else has asked at the same moment.
    return Error(absl::StatusCode::kFailedPrecondition, "APPROVAL_PENDING",
                 "the approval \"" + request.criterion() + "\" of " + request.parent() + " waits for a decision")
        .Violation("APPROVAL", request.parent() + "#" + request.criterion(), "is asked for");
  }
  if (!status.ok()) return status;
  return response;
}

// Approve and Reject.
template <class Request>
absl::StatusOr<Approval> Decide(Records& records, const CallContext& call, const Request& request,
                                Approval::State decision, type::v1::EventType event) {
  Approval response;
  const absl::Status status = records.approvals().Modify(
      call, request.name(), request.etag(), request, event,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        auto& approval = static_cast<Approval&>(record);
        EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead,
                                records.leads().Load(call, Records::LeadOf(approval.name())));
        return records.WithScene(call, [&](const logic::Scene& scene) {
          return logic::Decide(scene, call.identity.roles, static_cast<const Lead&>(*lead.message), decision,
                               request.note(), approval);
        });
      },
      response);
  if (!status.ok()) return status;
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeApprovalService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetApprovalRequest::descriptor()->file()->service(0));
  service->Unary<v1::RequestApprovalRequest, Approval>(
      "RequestApproval", [&records](const CallContext& call, const v1::RequestApprovalRequest& request) {
        return RequestApproval(records, call, request);
      });
  service->Unary<v1::ApproveRequest, Approval>(
      "Approve", [&records](const CallContext& call, const v1::ApproveRequest& request) {
        return Decide(records, call, request, Approval::STATE_APPROVED, type::v1::EVENT_TYPE_APPROVAL_APPROVED);
      });
  service->Unary<v1::RejectRequest, Approval>(
      "Reject", [&records](const CallContext& call, const v1::RejectRequest& request) {
        return Decide(records, call, request, Approval::STATE_REJECTED, type::v1::EVENT_TYPE_APPROVAL_REJECTED);
      });
  records.approvals().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
