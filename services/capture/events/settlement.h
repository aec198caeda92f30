#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/capture/events/bringer.h"
#include "services/capture/events/lead_calls.h"
#include "services/capture/logic/capture.h"
#include "services/capture/logic/match.h"
#include "services/capture/logic/policy.h"
#include "services/capture/storage/submission_store.h"

namespace embudo::capture::events {

/// One submission on its way to a lead.
class Settlement {
 public:
  struct Rules {
    v1::CaptureSettings settings;
    /// That phone numbers without a country code belong to.
    std::string region;
  };
  Settlement(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, const Bringer& who, Rules rules,
             const v1::CaptureLeadRequest& request, const logic::Prepared& prepared);

  /// Finds the lead that it belongs to, or makes it, and adds the touch and the conversation entry; fills outcome, lead
  /// and findings of the submission. May run again for one that broke off: nothing is done twice.
  absl::Status Settle(storage::SubmissionRecord& submission);
  /// What would become of it.
  absl::StatusOr<v1::CaptureLeadResponse> Foresee();

  // The first steps of Settle, which can be taken for several at once; what is noted is not asked for again.

  /// By these it is known, and of several that come at once with one of them one makes the lead.
  const std::vector<logic::MatchKey>& keys() const { return binding_; }
  /// By these others are found that are like it.
  std::vector<logic::MatchKey> SearchKeys() const;
  /// The lead that has the keys.
  void NoteOwner(const std::string& lead) { owner_ = lead; }
  /// The leads that the search keys find.
  void NoteLike(const std::vector<logic::Found>& found);
  /// Whether it is a lead of its own, as far as is noted.
  bool IsNew(const storage::SubmissionRecord& submission) const;
  LeadCalls::Arrival Arrival(const storage::SubmissionRecord& submission) const;
  /// Its lead was made.
  void NoteMade(storage::SubmissionRecord& submission) const;
  /// Whether it is for a lead that another has made, as far as is noted, and nothing else is to be done.
  bool IsAddition(const storage::SubmissionRecord& submission) const;
  LeadCalls::Addition Addition(const storage::SubmissionRecord& submission) const;
  /// It was added to the lead.
  void NoteAttached(const std::string& lead, storage::SubmissionRecord& submission) const;

 private:
  /// Leads like it, the likest first, by what the rules have done about them.
  struct Like {
    std::vector<v1::Duplicate> attach;
    std::vector<v1::Duplicate> flag;
  };

  bool BindsBy(std::string_view kind) const;
  absl::StatusOr<std::string> Claim(const std::string& own);
  /// A lead that the rules let it be attached to, found by what is no claim; `own` if there is none.
  absl::StatusOr<std::string> Likeness(const std::string& own);
  /// Merges the lead with others that have one of its keys; into the one that `*lead` is then. Whether there were any.
  absl::StatusOr<bool> MergeOwners(std::string* lead, const storage::SubmissionRecord& submission);
  /// Adds what came to a lead that is there.
  absl::Status AddTo(const std::string& lead, const storage::SubmissionRecord& submission);
  void Settled(storage::SubmissionRecord& submission, const std::string& lead, v1::Submission::Outcome outcome) const;
  type::v1::Touch TouchOf(const storage::SubmissionRecord& submission) const;
  LeadCalls::Addition AdditionTo(const std::string& lead, const storage::SubmissionRecord& submission) const;
  LeadCalls::Arrival ArrivalOf(const storage::SubmissionRecord& submission, const std::string& lead,
                               const std::vector<v1::Duplicate>& flagged) const;
  /// Makes the lead with all that came; or, if it belongs to another one after all, `*lead` is that one then. Whether
  /// it was made.
  absl::StatusOr<bool> MakeLead(std::string* lead, const storage::SubmissionRecord& submission,
                                const std::vector<v1::Duplicate>& flagged);

  storage::SubmissionStore& submissions_;
  const Bringer& who_;
  const Rules rules_;
  const v1::CaptureLeadRequest& request_;
  const logic::Prepared& prepared_;
  logic::Circumstance circumstance_;
  LeadCalls leads_;
  std::vector<logic::MatchKey> binding_;
  bool merges_ = false;
  std::optional<std::string> owner_;
  std::optional<Like> like_;
};

}  // namespace embudo::capture::events
