#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "services/capture/events/bringer.h"
#include "services/capture/events/lead_calls.h"
#include "services/capture/events/newcomers.h"
#include "services/capture/events/rule_book.h"
#include "services/capture/events/settlement.h"
#include "services/capture/storage/submission_store.h"

namespace embudo::capture::events {

/// What came, byte by byte, where it was not an RPC: kept with the submission, so that it can be replayed.
using Raw = storage::RawContent;

/// Where all channels end: whatever comes in is kept first, then dealt with. Thread-safe.
class Intake {
 public:
  Intake(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, const Clock& clock)
      : submissions_(submissions),
        pipeline_(pipeline),
        rules_(submissions.pool(), pipeline),
        clock_(clock),
        newcomers_(submissions, pipeline, rules_, clock) {}

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

  /// Reads the raw content of a kept submission anew, as its channel does: by the mapping that is there now.
  using Reader = std::function<absl::StatusOr<v1::CaptureLeadRequest>(
      const Bringer& who, const storage::SubmissionRecord& submission, const Raw& raw)>;
  /// Sets the reader of a channel; while the service is built.
  void ReadBy(v1::Payload::PayloadCase channel, Reader reader) { readers_[channel] = std::move(reader); }
  /// Deals with a kept submission again, see ReplaySubmission. NOT_FOUND if there is none.
  absl::StatusOr<v1::Submission> Replay(const Bringer& who, const std::string& id, bool validate_only);
  /// Goes on with one that has no outcome, because the work on it broke off.
  absl::Status Resume(const Bringer& who, storage::SubmissionRecord submission);

 private:
  static storage::SubmissionRecord RecordOf(const v1::CaptureLeadRequest& request);
  absl::StatusOr<Settlement::Rules> RulesFor(const Bringer& who, const v1::CaptureLeadRequest& request);
  absl::StatusOr<v1::CaptureLeadResponse> Foresee(const Bringer& who, const v1::CaptureLeadRequest& request);
  /// Finds or makes its lead. Why it is rejected; empty if it is not.
  absl::StatusOr<std::string> Settle(const Bringer& who, storage::SubmissionRecord& submission);
  /// Gives it its outcome. What the pipeline service refuses for good is rejected, and told to the caller too.
  /// `begun`: it is on its way already.
  absl::Status Finish(const Bringer& who, storage::SubmissionRecord& submission, Settlement* begun = nullptr);
  absl::StatusOr<v1::CaptureLeadRequest> ReadAnew(const Bringer& who, const storage::SubmissionRecord& submission);

  storage::SubmissionStore& submissions_;
  embudo::rpc::Client& pipeline_;
  RuleBook rules_;
  const Clock& clock_;
  Newcomers newcomers_;
  std::map<v1::Payload::PayloadCase, Reader> readers_;
};

}  // namespace embudo::capture::events
