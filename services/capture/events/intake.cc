#include "services/capture/events/intake.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/resource/change.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/capture/logic/capture.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using storage::SubmissionRecord;
using type::v1::Lead;
using v1::Submission;

constexpr int kAttempts = 5;

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
  Capture(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, const Bringer& who,
          const logic::Prepared& prepared)
      : submissions_(submissions), pipeline_(pipeline), who_(who), prepared_(prepared), identity_(who.identity) {
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
          EMBUDO_RETURN_IF_ERROR(submissions_.Move(who_.tenant, prepared_.keys, lead, own, who_.deadline));
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
    EMBUDO_ASSIGN_OR_RETURN(std::string lead, submissions_.Find(who_.tenant, prepared_.keys, who_.deadline));
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
                            submissions_.Claim(who_.tenant, prepared_.keys, own, who_.deadline));
    if (lead != own) return lead;
    EMBUDO_ASSIGN_OR_RETURN(const std::string other, FindByEmail());
    if (other.empty() || other == own) return own;
    EMBUDO_RETURN_IF_ERROR(submissions_.Move(who_.tenant, prepared_.keys, own, other, who_.deadline));
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
        pipeline_.Call<api::ListLeadsResponse>("embudo.pipeline.v1.LeadService/ListLeads", identity_, request));
    return response.leads_size() == 0 ? std::string() : IdOf(response.leads(0).name());
  }

  absl::StatusOr<State> StateOf(const std::string& id) {
    api::GetLeadRequest request;
    request.set_name("leads/" + id);
    const auto lead = pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", identity_, request);
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
        pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/CreateLead", identity_, request).status();
    if (status.code() == absl::StatusCode::kAlreadyExists) return false;
    if (!status.ok()) return status;
    return true;
  }

  storage::SubmissionStore& submissions_;
  embudo::rpc::Client& pipeline_;
  const Bringer& who_;
  const logic::Prepared& prepared_;
  embudo::rpc::Identity identity_;
};

}  // namespace

embudo::rpc::Identity CaptureIdentity(const std::string& tenant) {
  embudo::rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = "services/capture";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_CAPTURE;
  return identity;
}

absl::StatusOr<SubmissionRecord> Intake::Begin(const Bringer& who, const v1::CaptureLeadRequest& request,
                                               const Raw& raw) {
  SubmissionRecord submission;
  submission.request = request;
  submission.channel = logic::ChannelOf(request.payload());
  submission.request_id = request.request_id();
  submission.request_hash = resource::HashRequest("embudo.capture.v1.CaptureService/CaptureLead", request);
  return submissions_.Begin(who.tenant, std::move(submission), raw, clock_.Now(), who.deadline);
}

absl::StatusOr<v1::CaptureLeadResponse> Intake::Take(const Bringer& who, const v1::CaptureLeadRequest& request,
                                                     const Raw& raw) {
  EMBUDO_ASSIGN_OR_RETURN(const logic::Prepared prepared, logic::Prepare(request));
  Capture capture(submissions_, pipeline_, who, prepared);
  if (request.validate_only()) {
    if (prepared.rejected.empty()) return capture.Foresee();
    v1::CaptureLeadResponse response;
    response.set_outcome(Submission::OUTCOME_REJECTED);
    response.set_reason(prepared.rejected);
    return response;
  }
  EMBUDO_ASSIGN_OR_RETURN(SubmissionRecord submission, Begin(who, request, raw));
  if (submission.outcome != Submission::OUTCOME_UNSPECIFIED) return AnswerOf(submission);
  if (prepared.rejected.empty()) {
    EMBUDO_RETURN_IF_ERROR(capture.Settle(submission));
  } else {
    submission.outcome = Submission::OUTCOME_REJECTED;
    submission.reason = prepared.rejected;
    submission.lead_id.clear();
  }
  EMBUDO_RETURN_IF_ERROR(submissions_.Finish(who.tenant, submission, who.deadline));
  return AnswerOf(submission);
}

absl::StatusOr<v1::CaptureLeadResponse> Intake::Keep(const Bringer& who, const v1::CaptureLeadRequest& request,
                                                     Submission::Outcome outcome, const std::string& reason,
                                                     const std::string& lead, const Raw& raw) {
  EMBUDO_ASSIGN_OR_RETURN(SubmissionRecord submission, Begin(who, request, raw));
  if (submission.outcome != Submission::OUTCOME_UNSPECIFIED) return AnswerOf(submission);
  submission.outcome = outcome;
  submission.reason = reason;
  submission.lead_id = lead.empty() ? "" : IdOf(lead);
  EMBUDO_RETURN_IF_ERROR(submissions_.Finish(who.tenant, submission, who.deadline));
  return AnswerOf(submission);
}

}  // namespace embudo::capture::events
