#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/grouping.h"
#include "common/db/pool.h"
#include "services/capture/logic/match.h"
#include "services/capture/storage/submission_record.h"

namespace embudo::capture::storage {

/// What every submission writes: its beginning, the claim of its keys, its end. Those of one tenant that wait at the
/// same moment go to the database together, in one statement and one commit. Thread-safe.
class SubmissionGroups {
 public:
  explicit SubmissionGroups(db::Pool& pool);

  /// Whether this call inserted it: false if its request_id, or by a repeated statement its id, is there already.
  absl::StatusOr<bool> Insert(const std::string& tenant, const SubmissionRecord& submission, const RawContent& raw,
                              db::Deadline deadline);
  /// See SubmissionStore.
  absl::StatusOr<std::string> Claim(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                    const std::string& lead_id, db::Deadline deadline);
  absl::Status Finish(const std::string& tenant, const SubmissionRecord& submission, db::Deadline deadline);

 private:
  struct Beginning {
    const std::string& tenant;
    db::Deadline deadline;
    const SubmissionRecord& submission;
    const RawContent& raw;
    bool inserted = false;
  };
  struct Claiming {
    const std::string& tenant;
    db::Deadline deadline;
    const std::vector<logic::MatchKey>& keys;
    const std::string& lead_id;
    std::string winner;
  };
  struct Ending {
    const std::string& tenant;
    db::Deadline deadline;
    const SubmissionRecord& submission;
  };
  struct TogetherBeginning;
  struct TogetherClaiming;
  struct TogetherEnding;

  absl::Status InsertGroup(const std::vector<Beginning*>& group);
  absl::Status ClaimGroup(const std::vector<Claiming*>& group);
  absl::Status FinishGroup(const std::vector<Ending*>& group);

  db::Pool& pool_;
  Grouping<Beginning> beginnings_;
  Grouping<Claiming> claims_;
  Grouping<Ending> endings_;
};

}  // namespace embudo::capture::storage
