#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_name.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "services/capture/rpc/paging.h"
#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using storage::SubmissionRecord;
using v1::Submission;

const ResourcePattern& SubmissionPattern() {
  static const ResourcePattern pattern("submissions/{submission}");
  return pattern;
}

const ResourcePattern& LeadPattern() {
  static const ResourcePattern pattern("leads/{lead}");
  return pattern;
}

absl::StatusOr<Submission> GetSubmission(Room& room, const CallContext& call, const v1::GetSubmissionRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(SubmissionPattern(), request.name(), "name"));
  if (!Uuid::Parse(ids[0])) return NotFound("embudo.dev/Submission", request.name());
  EMBUDO_ASSIGN_OR_RETURN(const SubmissionRecord record, room.submissions.Get(call.tenant(), ids[0], call.deadline));
  return ToProto(record);
}

absl::StatusOr<v1::ListSubmissionsResponse> ListSubmissions(Room& room, const CallContext& call,
                                                            const v1::ListSubmissionsRequest& request) {
  std::string lead;
  if (!request.lead().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(LeadPattern(), request.lead(), "lead"));
    if (!Uuid::Parse(ids[0])) return v1::ListSubmissionsResponse();
    lead = ids[0];
  }
  const std::string query = "submissions " + lead;
  EMBUDO_ASSIGN_OR_RETURN(const std::string before, PlaceIn(request.page_token(), query));
  const int size = PageSize(request.page_size(), 50, 1000);
  EMBUDO_ASSIGN_OR_RETURN(std::vector<SubmissionRecord> records,
                          room.submissions.List(call.tenant(), lead, before, size + 1, call.deadline));
  v1::ListSubmissionsResponse response;
  if (records.size() > static_cast<size_t>(size)) {
    records.pop_back();
    response.set_next_page_token(PageToken(records.back().id, query));
  }
  for (const SubmissionRecord& record : records) *response.add_submissions() = ToProto(record);
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeCaptureService(Room& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::CaptureLeadRequest::descriptor()->file()->service(0));
  service->Unary<v1::CaptureLeadRequest, v1::CaptureLeadResponse>(
      "CaptureLead", [&room](const CallContext& call, const v1::CaptureLeadRequest& request) {
        return room.intake.Take({call.tenant(), call.identity, call.deadline}, request);
      });
  service->Unary<v1::GetSubmissionRequest, Submission>(
      "GetSubmission", [&room](const CallContext& call, const v1::GetSubmissionRequest& request) {
        return GetSubmission(room, call, request);
      });
  service->Unary<v1::ListSubmissionsRequest, v1::ListSubmissionsResponse>(
      "ListSubmissions", [&room](const CallContext& call, const v1::ListSubmissionsRequest& request) {
        return ListSubmissions(room, call, request);
      });
  return service;
}

}  // namespace embudo::capture::rpc
