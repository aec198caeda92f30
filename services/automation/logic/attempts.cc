#include "services/automation/logic/attempts.h"

#include <algorithm>

#include "common/base/error.h"

namespace embudo::automation::logic {
namespace {

std::string ErrorText(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return (reason.empty() ? std::string(absl::StatusCodeToString(status.code())) : reason) + ": " + MessageOf(status);
}

}  // namespace

std::chrono::seconds BackOff(int attempts) {
  constexpr std::chrono::seconds kLongest = std::chrono::minutes(5);
  constexpr int kDoublings = 9;
  const int doublings = std::clamp(attempts - 1, 0, kDoublings);
  return std::min(std::chrono::seconds(1 << doublings), kLongest);
}

bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return false;
    case absl::StatusCode::kFailedPrecondition:
      return ReasonOf(status) == kNoMember;
    default:
      return true;
  }
}

void FinishAttempt(const absl::StatusOr<Progress>& progress, Time now, v1::Run* run) {
  const absl::Status& status = progress.status();
  *run->mutable_update_time() = ToTimestamp(now);
  if (!status.ok() && MayPass(status) && run->attempts() < kMaxAttempts) {
    run->set_state(v1::Run::STATE_FAILED);
    run->set_error(ErrorText(status));
    *run->mutable_next_attempt_time() = ToTimestamp(now + BackOff(run->attempts()));
    return;
  }
  if (status.ok() && progress->kind == Progress::Kind::kWaiting) {
    run->set_state(v1::Run::STATE_WAITING);
    run->set_attempts(0);
    run->clear_error();
    *run->mutable_next_attempt_time() = ToTimestamp(progress->until);
    return;
  }
  if (!status.ok()) {
    run->set_state(v1::Run::STATE_DEAD);
    run->set_error(ErrorText(status));
  } else {
    const bool dropped = progress->kind == Progress::Kind::kDropped;
    run->set_state(dropped ? v1::Run::STATE_DROPPED : v1::Run::STATE_SUCCEEDED);
    run->set_error(dropped ? progress->why : "");
  }
  run->clear_next_attempt_time();
  *run->mutable_end_time() = ToTimestamp(now);
}

}  // namespace embudo::automation::logic
