#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "common/resource/change.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/capture/logic/capture.h"
#include "services/capture/rpc/paging.h"
#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {
namespace {

namespace api = pipeline::v1;
using embudo::rpc::CallContext;
using storage::SubmissionRecord;
using type::v1::Lead;
using v1::Submission;

constexpr int kAttempts = 5;

const ResourcePattern& SubmissionPattern() {
  static const ResourcePattern pattern("submissions/{submission}");
  return pattern;
}

const ResourcePattern& LeadPattern() {
  static const ResourcePattern pattern("leads/{lead}");
  return pattern;
}

Submission ToProto(const SubmissionRecord& record) {
  Submission submission;
  submission.set_name("submissions/" + record.id);
  submission.set_channel(record.channel);
  submission.set_outcome(record.outcome);
  const bool has_lead =
      record.outcome != Submission::OUTCOME_UNSPECIFIED && record.outcome != Submission::OUTCOME_REJECTED;
  if (has_lead) submission.set_lead("leads/" + record.lead_id);
  submission.set_reason(record.reason);
  *submission.mutable_create_time() = ToTimestamp(record.create_time);
  *submission.mutable_payload() = record.request.payload();
  return submission;
}

v1::CaptureLeadResponse AnswerOf(const SubmissionRecord& record) {
  const Submission submission = ToProto(record);
  v1::CaptureLeadResponse response;
  response.set_lead(submission.lead());
  response.set_outcome(submission.outcome());
  response.set_submission(submission.name());
  response.set_reason(submission.reason());
  return response;
}

/// One capture on its way to a lead.
class Capture {
 public:
  Capture(Room& room, const CallContext& call, const logic::Prepared& prepared)
      : room_(room), call_(call), prepared_(prepared), identity_(call.identity) {
    identity_.roles = {type::v1::ROLE_SERVICE};
    identity_.origin = type::v1::ORIGIN_CAPTURE;
  }

  /// Finds the lead that it belongs to, or makes it; fills outcome and lead of the submission.
  absl::Status Settle(SubmissionRecord& submission) {
    const std::string own = submission.lead_id;
    EMBUDO_ASSIGN_OR_RETURN(std::string lead, Claim(own));
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      // A lead that is not ours may be on its way still: whoever comes first makes it, under the same id.
      bool made = false;
      if (lead == own) {
        EMBUDO_ASSIGN_OR_RETURN(made, Make(lead, submission));
      } else {
        EMBUDO_ASSIGN_OR_RETURN(const State state, StateOf(lead));
        if (state == State::kMissing) {
          EMBUDO_ASSIGN_OR_RETURN(made, Make(lead, submission));
        } else if (state == State::kClosed) {
          // That story has ended; this begins another. If several come at once, one of them moves the keys.
          EMBUDO_RETURN_IF_ERROR(room_.submissions.Move(call_.tenant(), prepared_.keys, lead, own, call_.deadline));
          EMBUDO_ASSIGN_OR_RETURN(lead, Claim(own));
          continue;
        }
      }
      submission.lead_id = lead;
      submission.outcome = made ? Submission::OUTCOME_CREATED : Submission::OUTCOME_ATTACHED;
      return absl::OkStatus();
    }
    return Error(absl::StatusCode::kAborted, "CAPTURE_RACED", "other captures of this lead came between; try again")
        .RetryAfter(std::chrono::milliseconds(100));
  }

  /// What would become of it.
  absl::StatusOr<v1::CaptureLeadResponse> Foresee() {
    v1::CaptureLeadResponse response;
    response.set_outcome(Submission::OUTCOME_CREATED);
    if (prepared_.keys.empty()) return response;
    EMBUDO_ASSIGN_OR_RETURN(std::string lead, room_.submissions.Find(call_.tenant(), prepared_.keys, call_.deadline));
    if (lead.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(lead, FindByEmail());
    } else {
      EMBUDO_ASSIGN_OR_RETURN(const State state, StateOf(lead));
      if (state != State::kOpen) lead.clear();
    }
    if (lead.empty()) return response;
    response.set_lead("leads/" + lead);
    response.set_outcome(Submission::OUTCOME_ATTACHED);
    return response;
  }

 private:
  enum class State { kMissing, kOpen, kClosed };

  /// The lead that has the capture's keys: one of an earlier capture, one that came another way and has the mail
  /// address, or `own`, which has them now.
  absl::StatusOr<std::string> Claim(const std::string& own) {
    if (prepared_.keys.empty()) return own;
    EMBUDO_ASSIGN_OR_RETURN(const std::string lead,
                            room_.submissions.Claim(call_.tenant(), prepared_.keys, own, call_.deadline));
    if (lead != own) return lead;
    EMBUDO_ASSIGN_OR_RETURN(const std::string other, FindByEmail());
    if (other.empty() || other == own) return own;
    EMBUDO_RETURN_IF_ERROR(room_.submissions.Move(call_.tenant(), prepared_.keys, own, other, call_.deadline));
    return other;
  }

  /// The open lead with this address that the pipeline service knows; empty if there is none.
  absl::StatusOr<std::string> FindByEmail() {
    const std::string& email = prepared_.lead.email();
    // The filter language has no way to write a quote in quotes; such addresses are found by their key alone.
    if (email.empty() || email.find_first_of("\"\\") != std::string::npos) return std::string();
    api::ListLeadsRequest request;
    request.set_page_size(1);
    request.set_filter("email = \"" + email + "\" AND state = OPEN");
    EMBUDO_ASSIGN_OR_RETURN(
        const api::ListLeadsResponse response,
        room_.pipeline.Call<api::ListLeadsResponse>("embudo.pipeline.v1.LeadService/ListLeads", identity_, request));
    return response.leads_size() == 0 ? std::string() : IdOf(response.leads(0).name());
  }

  absl::StatusOr<State> StateOf(const std::string& id) {
    api::GetLeadRequest request;
    request.set_name("leads/" + id);
    const auto lead = room_.pipeline.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", identity_, request);
    if (lead.status().code() == absl::StatusCode::kNotFound) return State::kMissing;
    if (!lead.ok()) return lead.status();
    return lead->state() == Lead::STATE_OPEN && !lead->has_delete_time() ? State::kOpen : State::kClosed;
  }

  /// Whether this call made the lead; false if it is there already.
  absl::StatusOr<bool> Make(const std::string& id, const SubmissionRecord& submission) {
    api::CreateLeadRequest request;
    *request.mutable_lead() = prepared_.lead;
    request.set_lead_id(id);
    // The same for every run of this submission, so that a repeated one gets the lead that the first made.
    request.set_request_id(Uuid::V5(EmbudoUuidSpace(), "capture:" + submission.id + ":" + id).ToString());
    const absl::Status status =
        room_.pipeline.Call<Lead>("embudo.pipeline.v1.LeadService/CreateLead", identity_, request).status();
    if (status.code() == absl::StatusCode::kAlreadyExists) return false;
    if (!status.ok()) return status;
    return true;
  }

  Room& room_;
  const CallContext& call_;
  const logic::Prepared& prepared_;
  embudo::rpc::Identity identity_;
};

absl::StatusOr<v1::CaptureLeadResponse> CaptureLead(Room& room, const CallContext& call,
                                                    const v1::CaptureLeadRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const logic::Prepared prepared, logic::Prepare(request));
  Capture capture(room, call, prepared);
  if (request.validate_only()) {
    if (prepared.rejected.empty()) return capture.Foresee();
    v1::CaptureLeadResponse response;
    response.set_outcome(Submission::OUTCOME_REJECTED);
    response.set_reason(prepared.rejected);
    return response;
  }
  SubmissionRecord submission;
  submission.request = request;
  submission.channel = prepared.lead.channel();
  submission.request_id = request.request_id();
  submission.request_hash = resource::HashRequest(call.method, request);
  EMBUDO_ASSIGN_OR_RETURN(
      submission, room.submissions.Begin(call.tenant(), std::move(submission), room.clock.Now(), call.deadline));
  if (submission.outcome != Submission::OUTCOME_UNSPECIFIED) return AnswerOf(submission);
  if (prepared.rejected.empty()) {
    EMBUDO_RETURN_IF_ERROR(capture.Settle(submission));
  } else {
    submission.outcome = Submission::OUTCOME_REJECTED;
    submission.reason = prepared.rejected;
  }
  EMBUDO_RETURN_IF_ERROR(room.submissions.Finish(call.tenant(), submission, call.deadline));
  return AnswerOf(submission);
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
        return CaptureLead(room, call, request);
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
