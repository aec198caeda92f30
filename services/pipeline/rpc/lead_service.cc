#include "services/pipeline/rpc/lead_service.h"

#include <algorithm>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/rpc/lead_change.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/rpc/suppression.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Lead;

template <class Request>
absl::StatusOr<Lead> ChangeOne(Records& records, const CallContext& call, const Request& request) {
  const Planned none;
  EMBUDO_ASSIGN_OR_RETURN(const LeadChange change, ChangeBy(records, call, request, none));
  Lead response;
  EMBUDO_RETURN_IF_ERROR(
      records.leads().Modify(call, change.name, change.etag, request, change.event, change.mutate, response));
  return response;
}

absl::StatusOr<Lead> UndeleteLead(Records& records, const CallContext& call, const v1::UndeleteLeadRequest& request) {
  Lead response;
  EMBUDO_RETURN_IF_ERROR(
      records.leads().Modify(call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_LEAD_UNDELETED,
                             [&](Message& record, resource::Effects&) -> absl::Status {
                               auto& lead = static_cast<Lead&>(record);
                               const bool merged = lead.name() != request.name();
                               if (merged || !lead.has_delete_time()) {
                                 const std::string state = merged ? "was merged into " + lead.name() : "is not deleted";
                                 return Error(absl::StatusCode::kFailedPrecondition,
                                              merged ? "LEAD_MERGED" : "LEAD_NOT_DELETED", request.name() + " " + state)
                                     .Meta("lead", request.name())
                                     .Violation("STATE", request.name(), state);
                               }
                               lead.clear_delete_time();
                               lead.clear_purge_time();
                               return absl::OkStatus();
                             },
                             response, {.deleted_too = true}));
  return response;
}

/// The users of a request to follow or unfollow, the caller if it names none. Who sees a lead may follow it; to decide
/// for others one has to work on it.
template <class Request>
absl::StatusOr<std::vector<std::string>> FollowersOf(Records& records, const CallContext& call, const Request& request,
                                                     const Lead& lead) {
  std::vector<std::string> users(request.users().begin(), request.users().end());
  if (users.empty()) users.push_back(call.identity.actor);
  for (size_t i = 0; i < users.size(); ++i) {
    if (users[i] != call.identity.actor) EMBUDO_RETURN_IF_ERROR(records.CheckMayEdit(call, lead));
  }
  return users;
}

absl::StatusOr<Lead> FollowLead(Records& records, const CallContext& call, const v1::FollowLeadRequest& request) {
  Lead response;
  EMBUDO_RETURN_IF_ERROR(
      records.leads().Modify(call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_LEAD_UPDATED,
                             [&](Message& record, resource::Effects&) -> absl::Status {
                               auto& lead = static_cast<Lead&>(record);
                               EMBUDO_ASSIGN_OR_RETURN(const auto users, FollowersOf(records, call, request, lead));
                               return records.WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
                                 for (const std::string& user : users) {
                                   if (!scene.catalog.users.contains(user))
                                     return InvalidField("users", "there is no " + user);
                                   const auto& followers = lead.followers();
                                   if (std::find(followers.begin(), followers.end(), user) == followers.end())
                                     lead.add_followers(user);
                                 }
                                 return absl::OkStatus();
                               });
                             },
                             response, {.readers_too = true}));
  return response;
}

absl::StatusOr<Lead> UnfollowLead(Records& records, const CallContext& call, const v1::UnfollowLeadRequest& request) {
  Lead response;
  EMBUDO_RETURN_IF_ERROR(records.leads().Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_LEAD_UPDATED,
      [&](Message& record, resource::Effects&) -> absl::Status {
        auto& lead = static_cast<Lead&>(record);
        EMBUDO_ASSIGN_OR_RETURN(const auto users, FollowersOf(records, call, request, lead));
        auto* followers = lead.mutable_followers();
        followers->erase(std::remove_if(followers->begin(), followers->end(),
                                        [&](const std::string& follower) {
                                          return std::find(users.begin(), users.end(), follower) != users.end();
                                        }),
                         followers->end());
        return absl::OkStatus();
      },
      response, {.readers_too = true}));
  return response;
}

/// The standard method, and what it names as source, medium and campaign is entered in the catalogue.
absl::StatusOr<Lead> UpdateLead(Records& records, const CallContext& call, const v1::UpdateLeadRequest& request) {
  Lead response;
  EMBUDO_RETURN_IF_ERROR(records.leads().Update(call, request, response));
  if (!request.validate_only()) EMBUDO_RETURN_IF_ERROR(records.SeeUtmOf(call, {&response}));
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeLeadService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetLeadRequest::descriptor()->file()->service(0));
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*handler)(Records&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&records, handler](const CallContext& call, const Request& request) {
      return handler(records, call, request);
    });
  };
  custom("GetLead", GetLead);
  custom("UpdateLead", UpdateLead);
  custom("UndeleteLead", UndeleteLead);
  custom("MoveLead", ChangeOne<v1::MoveLeadRequest>);
  custom("WinLead", ChangeOne<v1::WinLeadRequest>);
  custom("LoseLead", ChangeOne<v1::LoseLeadRequest>);
  custom("RestoreLead", ChangeOne<v1::RestoreLeadRequest>);
  custom("AssignLead", ChangeOne<v1::AssignLeadRequest>);
  custom("ConvertLead", ConvertLead);
  custom("MergeLeads", MergeLeads);
  custom("FollowLead", FollowLead);
  custom("UnfollowLead", UnfollowLead);
  custom("BatchGetLeads", BatchGetLeads);
  custom("BatchCreateLeads", BatchCreateLeads);
  custom("BatchUpdateLeads", ChangeBatch<v1::BatchUpdateLeadsRequest>);
  custom("BatchDeleteLeads", ChangeBatch<v1::BatchDeleteLeadsRequest>);
  custom("BatchMoveLeads", ChangeBatch<v1::BatchMoveLeadsRequest>);
  custom("BatchWinLeads", ChangeBatch<v1::BatchWinLeadsRequest>);
  custom("BatchLoseLeads", ChangeBatch<v1::BatchLoseLeadsRequest>);
  custom("BatchRestoreLeads", ChangeBatch<v1::BatchRestoreLeadsRequest>);
  custom("BatchAssignLeads", ChangeBatch<v1::BatchAssignLeadsRequest>);
  custom("BulkUpsertLeads", BulkUpsertLeads);
  custom("ReceiveLead", ReceiveLead);
  custom("BulkReceiveLeads", BulkReceiveLeads);
  custom("RecordScores", RecordScores);
  custom("GetKanban", GetKanban);
  custom("ListLeadChanges", ListLeadChanges);
  custom("ListStageStays", ListStageStays);
  service->UnaryAny("CreateLead", [&records](const CallContext& call, const Message& request, Message& response) {
    EMBUDO_RETURN_IF_ERROR(
        CheckNotSuppressed(records, call, static_cast<const v1::CreateLeadRequest&>(request).lead()));
    return records.leads().Create(call, request, response);
  });
  records.leads().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
