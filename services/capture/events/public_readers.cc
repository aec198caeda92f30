#include "services/capture/events/public_readers.h"

#include "common/base/error.h"
#include "services/capture/logic/hook_capture.h"
#include "services/capture/storage/public_keys.h"

namespace embudo::capture::events {
namespace {

using v1::CaptureLeadRequest;
using v1::Submission;

absl::StatusOr<CaptureLeadRequest> RequestOf(logic::Capturing capturing) {
  if (capturing.outcome != Submission::OUTCOME_REJECTED) return std::move(capturing.request);
  return Error(absl::StatusCode::kFailedPrecondition, "STILL_REJECTED", capturing.reason);
}

absl::StatusOr<CaptureLeadRequest> ReadForm(db::Pool& pool, const Bringer& who,
                                            const storage::SubmissionRecord& submission, const Raw& raw) {
  const v1::WebForm& sent = submission.request.payload().web_form();
  EMBUDO_ASSIGN_OR_RETURN(const auto form, storage::FindFormNamed(pool, who.tenant, sent.form(), who.deadline));
  if (!form) return submission.request;
  EMBUDO_ASSIGN_OR_RETURN(const logic::FormFields fields, logic::ParseFormBody(raw.content_type, raw.bytes));
  logic::Capturing capturing = logic::CaptureForm(*form, fields, {"", sent.page()});
  // The query of the form's address was not kept; what it told of the visit is in what was made of it.
  *capturing.request.mutable_touch() = submission.request.touch();
  return RequestOf(std::move(capturing));
}

absl::StatusOr<CaptureLeadRequest> ReadHook(db::Pool& pool, const Bringer& who,
                                            const storage::SubmissionRecord& submission, const Raw& raw) {
  const std::string& name = submission.request.payload().webhook().hook();
  EMBUDO_ASSIGN_OR_RETURN(const auto hook, storage::FindHookNamed(pool, who.tenant, name, who.deadline));
  if (!hook) return submission.request;
  return RequestOf(logic::CaptureHook(*hook, raw.bytes));
}

}  // namespace

void ReadPublicChannels(db::Pool& pool, Intake& intake) {
  intake.ReadBy(v1::Payload::kWebForm, [&pool](const auto& who, const auto& submission, const auto& raw) {
    return ReadForm(pool, who, submission, raw);
  });
  intake.ReadBy(v1::Payload::kWebhook, [&pool](const auto& who, const auto& submission, const auto& raw) {
    return ReadHook(pool, who, submission, raw);
  });
}

}  // namespace embudo::capture::events
