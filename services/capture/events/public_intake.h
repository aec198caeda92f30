#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "services/capture/events/intake.h"
#include "services/capture/logic/form_capture.h"
#include "services/capture/storage/submission_store.h"

namespace embudo::capture::events {

/// Takes in what strangers sent, on a pool of its own, so that a flood of them leaves the RPCs' alone. Thread-safe.
class PublicIntake {
 public:
  /// `pool` is of the capture_rpc role.
  PublicIntake(db::Pool& pool, embudo::rpc::Client& pipeline, const Clock& clock)
      : pool_(pool), submissions_(pool), intake_(submissions_, pipeline, clock) {}

  /// OK only when what came is kept. Then the outcome is that of the intake, OUTCOME_UNSPECIFIED if the pipeline
  /// service could not be reached and it is still to be dealt with, or OUTCOME_REJECTED, too, if that service refused
  /// the lead. INVALID_ARGUMENT, reason REQUEST_ID_REUSED, if the request_id was used for something else.
  absl::StatusOr<v1::CaptureLeadResponse> TakeIn(const Bringer& who, const logic::Capturing& capturing, const Raw& raw);

 private:
  db::Pool& pool_;
  storage::SubmissionStore submissions_;
  Intake intake_;
};

}  // namespace embudo::capture::events
