#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/grouping.h"
#include "common/rpc/client.h"
#include "services/capture/events/bringer.h"
#include "services/capture/events/rule_book.h"
#include "services/capture/events/settlement.h"
#include "services/capture/logic/capture.h"
#include "services/capture/storage/submission_store.h"

namespace embudo::capture::events {

/// Something that comes in.
struct Newcomer {
  const Bringer& who;
  const v1::CaptureLeadRequest& request;
  const logic::Prepared& prepared;
  /// The submission as it is kept. An outcome: nothing is left to be done.
  storage::Beginning kept;
  /// How far it has come, if it has begun.
  std::unique_ptr<Settlement> settlement;
};

/// Takes what comes in at the same moment in together: keeps it, has the keys claimed, leads that are alike looked for,
/// the new leads made, and what is for a lead that is known added to it, each in one step for all of them. Most of what
/// comes is at its end then; the rest is left to its Settlement, each for itself. That it is kept waits for nothing but
/// the database. Thread-safe.
class Newcomers {
 public:
  Newcomers(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, RuleBook& rules, const Clock& clock);

  /// Keeps it, and deals with it if that is easy. What went wrong after it was kept is not told: who goes on meets it.
  absl::Status TakeIn(Newcomer& comer);

 private:
  /// Those that are at their end, as they are to be kept.
  using Outcomes = std::map<Newcomer*, storage::SubmissionRecord>;

  static Grouping<Newcomer>::Joins NewGroup();
  absl::Status KeepAll(const std::vector<Newcomer*>& group);
  absl::Status DealWith(const std::vector<Newcomer*>& kept);
  absl::Status Begin(Newcomer& comer, const Settlement::Rules& of_tenant);
  /// Those whose keys are theirs.
  absl::StatusOr<std::vector<Newcomer*>> ClaimKeys(const std::vector<Newcomer*>& begun);
  absl::Status LookForLike(const std::vector<Newcomer*>& owners);
  absl::Status MakeLeads(const std::vector<Newcomer*>& owners, Outcomes& outcomes);
  absl::Status Attach(const std::vector<Newcomer*>& begun, Outcomes& outcomes);
  absl::Status Finish(const std::vector<Newcomer*>& begun, Outcomes outcomes);

  storage::SubmissionStore& submissions_;
  embudo::rpc::Client& pipeline_;
  RuleBook& rules_;
  const Clock& clock_;
  Grouping<Newcomer> keeping_;
  Grouping<Newcomer> dealing_;
};

}  // namespace embudo::capture::events
