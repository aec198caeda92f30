#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_name.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "services/capture/rpc/duplicates.h"
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

/// Of GetSubmissionContent: what one answer holds.
constexpr int64_t kContentPieceBytes = 1 << 20;

absl::StatusOr<v1::CaptureLeadResponse> CaptureLead(Room& room, const CallContext& call,
                                                    const v1::CaptureLeadRequest& request) {
  return room.intake.Take({call.tenant(), call.identity, call.deadline}, request);
}

absl::StatusOr<std::string> IdOfSubmission(const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(SubmissionPattern(), name, "name"));
  if (!Uuid::Parse(ids[0])) return NotFound("embudo.dev/Submission", name);
  return ids[0];
}

absl::StatusOr<Submission> GetSubmission(Room& room, const CallContext& call, const v1::GetSubmissionRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfSubmission(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const SubmissionRecord record, room.submissions.Get(call.tenant(), id, call.deadline));
  return ToProto(record);
}

absl::StatusOr<v1::GetSubmissionContentResponse> GetSubmissionContent(Room& room, const CallContext& call,
                                                                      const v1::GetSubmissionContentRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfSubmission(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const SubmissionRecord record, room.submissions.Get(call.tenant(), id, call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(storage::RawContent piece,
                          room.submissions.Raw(call.tenant(), id, request.offset(), kContentPieceBytes, call.deadline));
  v1::GetSubmissionContentResponse response;
  response.set_content_type(piece.content_type);
  response.set_data(std::move(piece.bytes));
  response.set_size_bytes(record.raw_size);
  return response;
}

absl::StatusOr<Submission> ReplaySubmission(Room& room, const CallContext& call,
                                            const v1::ReplaySubmissionRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfSubmission(request.name()));
  return room.intake.Replay({call.tenant(), call.identity, call.deadline}, id, request.validate_only());
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
  const auto serve = [&]<class Request, class Response>(
                         const char* method,
                         absl::StatusOr<Response> (*handler)(Room&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&room, handler](const CallContext& call, const Request& request) {
      return handler(room, call, request);
    });
  };
  serve("CaptureLead", CaptureLead);
  serve("GetSubmission", GetSubmission);
  serve("ListSubmissions", ListSubmissions);
  serve("GetSubmissionContent", GetSubmissionContent);
  serve("ReplaySubmission", ReplaySubmission);
  serve("FindDuplicates", FindDuplicates);
  serve("GetCaptureSettings", GetCaptureSettings);
  serve("UpdateCaptureSettings", UpdateCaptureSettings);
  return service;
}

}  // namespace embudo::capture::rpc
