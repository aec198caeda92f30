#include "services/capture/events/intake.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/resource/change.h"
#include "services/capture/logic/capture.h"

namespace embudo::capture::events {
namespace {

using storage::SubmissionRecord;
using v1::Submission;

/// Why the pipeline service refuses a lead of a person who was erased.
constexpr char kSuppressed[] = "SUPPRESSED";

v1::CaptureLeadResponse AnswerOf(const SubmissionRecord& record) {
  const Submission submission = ToProto(record);
  v1::CaptureLeadResponse response;
  response.set_lead(submission.lead());
  response.set_outcome(submission.outcome());
  response.set_submission(submission.name());
  response.set_reason(submission.reason());
  *response.mutable_duplicates() = submission.duplicates();
  *response.mutable_warnings() = submission.warnings();
  return response;
}

/// Another try would end the same way.
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

}  // namespace

embudo::rpc::Identity CaptureIdentity(const std::string& tenant) {
  embudo::rpc::Identity identity;
  identity.tenant = tenant;
  identity.actor = "services/capture";
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_CAPTURE;
  return identity;
}

embudo::rpc::Identity AsService(embudo::rpc::Identity identity) {
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_CAPTURE;
  return identity;
}

SubmissionRecord Intake::RecordOf(const v1::CaptureLeadRequest& request) {
  SubmissionRecord submission;
  submission.request = request;
  submission.channel = logic::ChannelOf(request.payload());
  submission.request_id = request.request_id();
  submission.request_hash = resource::HashRequest("embudo.capture.v1.CaptureService/CaptureLead", request);
  return submission;
}

absl::StatusOr<Settlement::Rules> Intake::RulesFor(const Bringer& who, const v1::CaptureLeadRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Settlement::Rules rules, rules_.OfTenant(who));
  EMBUDO_RETURN_IF_ERROR(rules_.AddSource(who, request, &rules));
  return rules;
}

absl::StatusOr<v1::CaptureLeadResponse> Intake::Foresee(const Bringer& who, const v1::CaptureLeadRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const logic::Prepared prepared, logic::Prepare(request));
  if (!prepared.rejected.empty()) {
    v1::CaptureLeadResponse response;
    response.set_outcome(Submission::OUTCOME_REJECTED);
    response.set_reason(prepared.rejected);
    return response;
  }
  EMBUDO_ASSIGN_OR_RETURN(Settlement::Rules rules, RulesFor(who, request));
  return Settlement(submissions_, pipeline_, who, std::move(rules), request, prepared).Foresee();
}

absl::StatusOr<std::string> Intake::Settle(const Bringer& who, SubmissionRecord& submission) {
  EMBUDO_ASSIGN_OR_RETURN(const logic::Prepared prepared, logic::Prepare(submission.request));
  if (!prepared.rejected.empty()) return prepared.rejected;
  EMBUDO_ASSIGN_OR_RETURN(Settlement::Rules rules, RulesFor(who, submission.request));
  Settlement settlement(submissions_, pipeline_, who, std::move(rules), submission.request, prepared);
  EMBUDO_RETURN_IF_ERROR(settlement.Settle(submission));
  return std::string();
}

absl::Status Intake::Finish(const Bringer& who, SubmissionRecord& submission, Settlement* begun) {
  const std::string own = submission.lead_id;
  absl::StatusOr<std::string> rejected = std::string();
  if (begun == nullptr) {
    rejected = Settle(who, submission);
  } else if (const absl::Status settled = begun->Settle(submission); !settled.ok()) {
    rejected = settled;
  }
  if (!rejected.ok() && !IsFinal(rejected.status())) return rejected.status();
  if (!rejected.ok() && ReasonOf(rejected.status()) == kSuppressed) {
    // A person who was erased does not come back this way, nor does what came of the person stay here.
    submission.outcome = Submission::OUTCOME_REJECTED;
    submission.reason = kSuppressed;
    submission.lead_id.clear();
    submission.findings.Clear();
    EMBUDO_RETURN_IF_ERROR(submissions_.Forget(who.tenant, submission, own, who.deadline));
    return submissions_.Finish(who.tenant, submission, who.deadline);
  }
  if (!rejected.ok() || !rejected->empty()) {
    submission.outcome = Submission::OUTCOME_REJECTED;
    submission.reason = rejected.ok() ? *rejected : MessageOf(rejected.status());
    submission.lead_id.clear();
  }
  EMBUDO_RETURN_IF_ERROR(submissions_.Finish(who.tenant, submission, who.deadline));
  return rejected.status();
}

absl::StatusOr<v1::CaptureLeadResponse> Intake::Take(const Bringer& who, const v1::CaptureLeadRequest& request,
                                                     const Raw& raw) {
  if (request.validate_only()) return Foresee(who, request);
  // What the caller has wrong is the caller's to mend, and not kept.
  EMBUDO_ASSIGN_OR_RETURN(const logic::Prepared prepared, logic::Prepare(request));
  Newcomer comer{who, request, prepared, {RecordOf(request), &raw}, nullptr};
  EMBUDO_RETURN_IF_ERROR(newcomers_.TakeIn(comer));
  SubmissionRecord& submission = comer.kept.submission;
  if (!comer.kept.kept) {
    EMBUDO_ASSIGN_OR_RETURN(submission, submissions_.First(who.tenant, submission, who.deadline));
  }
  if (submission.outcome == Submission::OUTCOME_UNSPECIFIED) {
    EMBUDO_RETURN_IF_ERROR(Finish(who, submission, comer.settlement.get()));
  }
  return AnswerOf(submission);
}

absl::StatusOr<v1::CaptureLeadResponse> Intake::Keep(const Bringer& who, const v1::CaptureLeadRequest& request,
                                                     Submission::Outcome outcome, const std::string& reason,
                                                     const std::string& lead, const Raw& raw) {
  EMBUDO_ASSIGN_OR_RETURN(SubmissionRecord submission,
                          submissions_.Begin(who.tenant, RecordOf(request), raw, clock_.Now(), who.deadline));
  if (submission.outcome != Submission::OUTCOME_UNSPECIFIED) return AnswerOf(submission);
  submission.outcome = outcome;
  submission.reason = reason;
  submission.lead_id = lead.empty() ? "" : IdOf(lead);
  EMBUDO_RETURN_IF_ERROR(submissions_.Finish(who.tenant, submission, who.deadline));
  return AnswerOf(submission);
}

absl::StatusOr<v1::CaptureLeadRequest> Intake::ReadAnew(const Bringer& who, const SubmissionRecord& submission) {
  const auto reader = readers_.find(submission.request.payload().payload_case());
  if (reader == readers_.end() || submission.raw_size == 0) return submission.request;
  EMBUDO_ASSIGN_OR_RETURN(const Raw raw,
                          submissions_.Raw(who.tenant, submission.id, 0, submission.raw_size, who.deadline));
  return reader->second(who, submission, raw);
}

absl::StatusOr<Submission> Intake::Replay(const Bringer& who, const std::string& id, bool validate_only) {
  EMBUDO_ASSIGN_OR_RETURN(SubmissionRecord submission, submissions_.Get(who.tenant, id, who.deadline));
  if (storage::WentToALead(submission.outcome)) return ToProto(submission);
  EMBUDO_ASSIGN_OR_RETURN(v1::CaptureLeadRequest request, ReadAnew(who, submission));
  request.set_validate_only(false);
  EMBUDO_RETURN_IF_ERROR(logic::Prepare(request).status());
  if (validate_only) {
    EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureLeadResponse foreseen, Foresee(who, request));
    Submission answer = ToProto(submission);
    answer.set_outcome(foreseen.outcome());
    answer.set_reason(foreseen.reason());
    answer.set_lead(foreseen.lead());
    *answer.mutable_duplicates() = foreseen.duplicates();
    *answer.mutable_warnings() = foreseen.warnings();
    return answer;
  }
  EMBUDO_ASSIGN_OR_RETURN(
      submission, submissions_.Reopen(who.tenant, id, request, Uuid::V7(clock_.Now()).ToString(), who.deadline));
  if (!storage::WentToALead(submission.outcome)) EMBUDO_RETURN_IF_ERROR(Finish(who, submission));
  return ToProto(submission);
}

absl::Status Intake::Resume(const Bringer& who, SubmissionRecord submission) { return Finish(who, submission); }

}  // namespace embudo::capture::events
