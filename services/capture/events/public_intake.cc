#include "services/capture/events/public_intake.h"

#include "common/base/error.h"
#include "common/log/log.h"
#include "services/capture/storage/public_keys.h"

namespace embudo::capture::events {
namespace {

using v1::Submission;

/// Whether another try, later, may go another way.
bool IsPassing(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return false;
    default:
      return true;
  }
}

}  // namespace

absl::StatusOr<v1::CaptureLeadResponse> PublicIntake::TakeIn(const Bringer& who, const logic::Capturing& capturing,
                                                             const Raw& raw) {
  const v1::CaptureLeadRequest& request = capturing.request;
  if (capturing.outcome != Submission::OUTCOME_UNSPECIFIED) {
    return intake_.Keep(who, request, capturing.outcome, capturing.reason, "", raw);
  }
  absl::StatusOr<v1::CaptureLeadResponse> response = intake_.Take(who, request, raw);
  if (response.ok() || ReasonOf(response.status()) == "REQUEST_ID_REUSED") return response;
  if (!IsPassing(response.status().code())) {
    return intake_.Keep(who, request, Submission::OUTCOME_REJECTED, MessageOf(response.status()), "", raw);
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::string kept, storage::FindKept(pool_, who.tenant, request.request_id(),
                                                                    db::After(std::chrono::seconds(2))));
  if (kept.empty()) return response;
  log::Warning("capture: kept, to be dealt with later",
               {{"submission", kept}, {"reason", MessageOf(response.status())}});
  v1::CaptureLeadResponse later;
  later.set_submission("submissions/" + kept);
  return later;
}

}  // namespace embudo::capture::events
