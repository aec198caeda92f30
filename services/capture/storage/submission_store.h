#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/capture/logic/match.h"
#include "services/capture/storage/lead_index.h"
#include "services/capture/storage/submission_record.h"

namespace embudo::capture::storage {

/// A submission that is about to be kept.
struct Beginning {
  SubmissionRecord submission;
  const RawContent* raw;
  /// Whether it was kept by this; false if its request_id is there already.
  bool kept = false;
};

/// Keys that are to be a lead's.
struct Claim {
  /// In the order of weight.
  std::vector<logic::MatchKey> keys;
  std::string lead_id;
  /// The lead that has them now.
  std::string winner;
};

/// What came in, and the keys that leads are found by. What every submission writes (its beginning, the claim of its
/// keys, its end) goes to the database in groups: those of one tenant that wait at the same moment, in one statement
/// and one commit. Thread-safe.
class SubmissionStore {
 public:
  explicit SubmissionStore(db::Pool& pool) : pool_(pool) {}
  db::Pool& pool() { return pool_; }

  /// Keeps what came in, before anything is done about it. A repeated request_id returns the first submission, maybe
  /// without an outcome still: then the work is to be taken up again (INVALID_ARGUMENT, REQUEST_ID_REUSED, for another
  /// request). `raw` is kept with it; INVALID_ARGUMENT if it is larger than kMaxRawBytes.
  absl::StatusOr<SubmissionRecord> Begin(const std::string& tenant, SubmissionRecord submission, const RawContent& raw,
                                         Time now, db::Deadline deadline);
  absl::Status Finish(const std::string& tenant, const SubmissionRecord& submission, db::Deadline deadline);
  /// The same for several, in one statement: gives them their ids and keeps those that are not there yet.
  absl::Status BeginAll(const std::string& tenant, const std::vector<Beginning*>& beginnings, Time now,
                        db::Deadline deadline);
  absl::Status FinishAll(const std::string& tenant, const std::vector<const SubmissionRecord*>& submissions,
                         db::Deadline deadline);
  /// The first submission with this one's request_id. INVALID_ARGUMENT, REQUEST_ID_REUSED.
  absl::StatusOr<SubmissionRecord> First(const std::string& tenant, const SubmissionRecord& submission,
                                         db::Deadline deadline);
  /// Keeps that there was a submission and what became of it, and nothing of what was in it; the keys that it gave to
  /// `lead_id` are gone.
  absl::Status Forget(const std::string& tenant, const SubmissionRecord& submission, const std::string& lead_id,
                      db::Deadline deadline);
  /// NOT_FOUND if there is none.
  absl::StatusOr<SubmissionRecord> Get(const std::string& tenant, const std::string& id, db::Deadline deadline);
  /// The newest first; those with a smaller id than `before`, of `lead_id` (each empty: all).
  absl::StatusOr<std::vector<SubmissionRecord>> List(const std::string& tenant, const std::string& lead_id,
                                                     const std::string& before, int limit, db::Deadline deadline);

  /// A piece of what is kept byte by byte, `size` bytes at most; the whole's size is in the record.
  absl::StatusOr<RawContent> Raw(const std::string& tenant, const std::string& id, int64_t offset, int64_t size,
                                 db::Deadline deadline);
  /// Takes the outcome of one that went to no lead back, so that it can be dealt with again, as `request`. Does nothing
  /// to others. The record as it is then.
  absl::StatusOr<SubmissionRecord> Reopen(const std::string& tenant, const std::string& id,
                                          const v1::CaptureLeadRequest& request, const std::string& lead_id,
                                          db::Deadline deadline);
  /// Of all tenants: submissions between two times that have no outcome, the oldest first, each with its tenant. For a
  /// worker's pool.
  absl::StatusOr<std::vector<std::pair<std::string, SubmissionRecord>>> Unfinished(Time after, Time before, int limit,
                                                                                   db::Deadline deadline);

  /// Gives the keys that nobody has to a lead: to the one that has the weightiest of the others (`keys` are in the
  /// order of weight), or to `lead_id` if nobody has any. Returns that lead. Of several that claim a key at once, one
  /// wins.
  absl::StatusOr<std::string> Claim(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                    const std::string& lead_id, db::Deadline deadline);
  /// The same for several that have no key in common.
  absl::Status ClaimAll(const std::string& tenant, const std::vector<storage::Claim*>& claims, db::Deadline deadline);
  /// The lead that has the weightiest of the keys; empty if nobody has any.
  absl::StatusOr<std::string> Find(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                   db::Deadline deadline);
  /// The leads that have one of the keys.
  absl::StatusOr<std::vector<std::string>> Owners(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                                  db::Deadline deadline);
  /// See FindLeads.
  absl::StatusOr<std::vector<logic::Found>> FindLike(const std::string& tenant,
                                                     const std::vector<logic::MatchKey>& keys,
                                                     const std::string& except, bool open_only, db::Deadline deadline);
  /// See FindLeadsOfAll.
  absl::StatusOr<std::vector<std::vector<logic::Found>>> FindLikeAll(const std::string& tenant,
                                                                     const std::vector<LikeSearch>& searches,
                                                                     db::Deadline deadline);
  /// Takes those of the keys that lead `from` has over to lead `to`.
  absl::Status Move(const std::string& tenant, const std::vector<logic::MatchKey>& keys, const std::string& from,
                    const std::string& to, db::Deadline deadline);

 private:
  db::Pool& pool_;
};

}  // namespace embudo::capture::storage
