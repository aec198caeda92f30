#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "embudo/automation/v1/run.pb.h"

namespace embudo::automation::logic {

/// Attempts at a run before it is dead.
inline constexpr int kMaxAttempts = 10;

/// Reason of the error that nobody in a team can take a lead now.
inline constexpr char kNoMember[] = "NO_ELIGIBLE_MEMBER";

/// How long to wait after that many attempts: 1 s, doubled each time, up to 5 min.
std::chrono::seconds BackOff(int attempts);

/// Whether another attempt may go better. NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION and the like stay as they
/// are, but a team without a free member may have one later.
bool MayPass(const absl::Status& status);

/// How far an attempt came that did not fail.
struct Progress {
  enum class Kind {
    kDone,     ///< all is done, or a Stop was met
    kWaiting,  ///< sleeps
    kDropped,  ///< nothing was to be done
  };
  Kind kind = Kind::kDone;
  /// Of kWaiting.
  Time until;
  /// Of kDropped, for people.
  std::string why;
};

/// Records how an attempt ended: SUCCEEDED, WAITING, DROPPED, FAILED until the next attempt, or DEAD.
void FinishAttempt(const absl::StatusOr<Progress>& progress, Time now, v1::Run* run);

}  // namespace embudo::automation::logic
