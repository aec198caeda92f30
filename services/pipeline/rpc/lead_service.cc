#include "services/pipeline/rpc/lead_service.h"

#include <algorithm>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::EventType;
using type::v1::Lead;

// The frame of the custom methods: `change` is a rule of logic/lead_rules.h with the request's arguments.
template <class Request, class Change>
absl::StatusOr<Lead> ChangeLead(Records& records, const CallContext& call, const Request& request, EventType event,
                                Change change) {
  Lead response;
  EMBUDO_RETURN_IF_ERROR(records.leads().Modify(
      call, request.name(), request.etag(), request, event,
      [&](Message& record, resource::Resource::Effects&) {
        return records.WithScene(call,
                                 [&](const logic::Scene& scene) { return change(scene, static_cast<Lead&>(record)); });
      },
      response));
  return response;
}

absl::Status CheckOverride(const CallContext& call, const std::string& reason) {
  const bool may = call.identity.Has(type::v1::ROLE_MANAGER) || call.identity.Has(type::v1::ROLE_ADMIN);
  if (reason.empty() || may) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "override_reason: only a manager may override")
      .Meta("roles", "manager, admin")
      .Field("override_reason", "only a manager may override");
}

absl::StatusOr<Lead> MoveLead(Records& records, const CallContext& call, const v1::MoveLeadRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckOverride(call, request.override_reason()));
  return ChangeLead(
      records, call, request, type::v1::EVENT_TYPE_LEAD_STAGE_CHANGED, [&](const logic::Scene& scene, Lead& lead) {
        return logic::Move(scene, request.stage(), request.override_reason(), records.leads().schema(), lead);
      });
}

absl::StatusOr<Lead> WinLead(Records& records, const CallContext& call, const v1::WinLeadRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckOverride(call, request.override_reason()));
  return ChangeLead(records, call, request, type::v1::EVENT_TYPE_LEAD_WON, [&](const logic::Scene& scene, Lead& lead) {
    return logic::Win(scene, request.has_revenue() ? &request.revenue() : nullptr, request.override_reason(),
                      records.leads().schema(), lead);
  });
}

absl::StatusOr<Lead> LoseLead(Records& records, const CallContext& call, const v1::LoseLeadRequest& request) {
  return ChangeLead(records, call, request, type::v1::EVENT_TYPE_LEAD_LOST, [&](const logic::Scene& scene, Lead& lead) {
    return logic::Lose(scene, request.lost_reason(), request.lost_note(), lead);
  });
}

absl::StatusOr<Lead> RestoreLead(Records& records, const CallContext& call, const v1::RestoreLeadRequest& request) {
  return ChangeLead(records, call, request, type::v1::EVENT_TYPE_LEAD_RESTORED,
                    [&](const logic::Scene& scene, Lead& lead) { return logic::Restore(scene, lead); });
}

absl::StatusOr<Lead> AssignLead(Records& records, const CallContext& call, const v1::AssignLeadRequest& request) {
  return ChangeLead(records, call, request, type::v1::EVENT_TYPE_LEAD_ASSIGNED,
                    [&](const logic::Scene& scene, Lead& lead) -> absl::Status {
                      if (request.only_if_unowned() && !lead.owner().empty()) return absl::OkStatus();
                      return logic::Assign(scene, request.owner(), request.team(), request.unassign(), lead);
                    });
}

absl::StatusOr<v1::BatchCreateLeadsResponse> BatchCreateLeads(Records& records, const CallContext& call,
                                                              const v1::BatchCreateLeadsRequest& request) {
  std::vector<resource::Change> changes;
  auto response = std::make_shared<v1::BatchCreateLeadsResponse>();
  for (int i = 0; i < request.requests_size(); ++i) {
    absl::StatusOr<std::unique_ptr<Message>> record = records.leads().NewRecord(request.requests(i));
    absl::StatusOr<resource::Change> change =
        record.ok() ? records.leads().NewChange(call, *std::move(record), v1::GetLeadRequest())
                    : absl::StatusOr<resource::Change>(record.status());
    if (!change.ok()) return InItem(change.status(), "requests[" + std::to_string(i) + "]");
    *response->add_leads() = static_cast<const Lead&>(*change->after.message);
    changes.push_back(*std::move(change));
  }
  if (request.validate_only() || changes.empty()) return *response;
  // The batch's request_id goes with its first lead; its answer is the whole response.
  resource::Change& first = changes.front();
  records.leads().FillRequest(call, request, &first);
  first.answer = response;
  const absl::Status status = records.writer().WriteAll(call.tenant(), changes, call.deadline);
  if (status.ok() || request.request_id().empty()) {
    if (!status.ok()) return status;
    return *response;
  }
  EMBUDO_ASSIGN_OR_RETURN(const bool found,
                          records.writer().FindAnswer(call.tenant(), first, response.get(), call.deadline));
  if (!found) return status;
  return *response;
}

}  // namespace

absl::Status InItem(const absl::Status& status, const std::string& item) {
  google::rpc::Status details = ToRpcStatus(status);
  details.set_message(item + ": " + details.message());
  for (auto& detail : *details.mutable_details()) {
    google::rpc::BadRequest bad;
    if (!detail.UnpackTo(&bad)) continue;
    for (auto& violation : *bad.mutable_field_violations()) violation.set_field(item + "." + violation.field());
    detail.PackFrom(bad);
  }
  return FromRpcStatus(details);
}

std::unique_ptr<embudo::rpc::Service> MakeLeadService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetLeadRequest::descriptor()->file()->service(0));
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*handler)(Records&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&records, handler](const CallContext& call, const Request& request) {
      return handler(records, call, request);
    });
  };
  custom("MoveLead", MoveLead);
  custom("WinLead", WinLead);
  custom("LoseLead", LoseLead);
  custom("RestoreLead", RestoreLead);
  custom("AssignLead", AssignLead);
  custom("BatchCreateLeads", BatchCreateLeads);
  custom("BulkUpsertLeads", BulkUpsertLeads);
  custom("RecordScores", RecordScores);
  records.leads().Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
