#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "services/capture/storage/submission_store.h"

namespace embudo::capture::events {

/// Who brings something in: a caller of the RPC, or the service itself for a form, a hook, a mailbox.
struct Bringer {
  std::string tenant;
  embudo::rpc::Identity identity;
  std::chrono::steady_clock::time_point deadline;
};

/// The service itself, for what comes without a caller.
embudo::rpc::Identity CaptureIdentity(const std::string& tenant);

/// What came, byte by byte, where it was not an RPC: kept with the submission, so that it can be replayed.
using Raw = storage::RawContent;

/// Where all channels end: whatever comes in is kept first, then dealt with. Thread-safe.
class Intake {
 public:
  Intake(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, const Clock& clock)
      : submissions_(submissions), pipeline_(pipeline), clock_(clock) {}

  /// Keeps what came in, finds or makes its lead, adds the touch and the conversation entry. The request_id makes it
  /// idempotent: a repeated one goes on where the first ended, and gets its answer. INVALID_ARGUMENT if the lead is
  /// wrong, or `raw` too large; UNAVAILABLE and the like leave it kept without an outcome, for another try.
  absl::StatusOr<v1::CaptureLeadResponse> Take(const Bringer& who, const v1::CaptureLeadRequest& request,
                                               const Raw& raw = {});
  /// Keeps something that becomes no lead (rejected, spam, a reply, a bounce, a duplicate), with its outcome, the
  /// reason and the lead (`leads/…`) that it belongs to, if any.
  absl::StatusOr<v1::CaptureLeadResponse> Keep(const Bringer& who, const v1::CaptureLeadRequest& request,
                                               v1::Submission::Outcome outcome, const std::string& reason,
                                               const std::string& lead = "", const Raw& raw = {});

 private:
  absl::StatusOr<storage::SubmissionRecord> Begin(const Bringer& who, const v1::CaptureLeadRequest& request,
                                                  const Raw& raw);

  storage::SubmissionStore& submissions_;
  embudo::rpc::Client& pipeline_;
  const Clock& clock_;
};

}  // namespace embudo::capture::events
