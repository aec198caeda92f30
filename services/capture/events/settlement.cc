#include "services/capture/events/settlement.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/text/unicode.h"
#include "services/capture/logic/conversation.h"

namespace embudo::capture::events {
namespace {

using storage::SubmissionRecord;
using v1::Duplicate;
using v1::DuplicateRule;
using v1::Submission;
using State = LeadCalls::State;

constexpr int kAttempts = 5;

bool Attaches(DuplicateRule::Action action) {
  return action == DuplicateRule::ACTION_ATTACH || action == DuplicateRule::ACTION_MERGE;
}

/// The same for every run of a submission, so that a repeated one does nothing twice.
std::string IdFor(const SubmissionRecord& submission, const std::string& what) {
  return Uuid::V5(EmbudoUuidSpace(), "capture:" + submission.id + ":" + what).ToString();
}

}  // namespace

Settlement::Settlement(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, const Bringer& who,
                       Rules rules, const v1::CaptureLeadRequest& request, const logic::Prepared& prepared)
    : submissions_(submissions),
      who_(who),
      rules_(std::move(rules)),
      request_(request),
      prepared_(prepared),
      circumstance_{prepared.lead.channel(), text::ToLower(text::FoldWhitespace(prepared.lead.source()))},
      leads_(pipeline, AsService(who.identity)) {
  const std::vector<logic::MatchKey> exact = logic::ExactKeys(prepared.lead, rules_.region);
  for (const logic::MatchKey& key : exact) {
    const Duplicate::Reason reason = logic::ReasonOfKind(key.kind);
    const auto action = logic::Decide(rules_.settings, circumstance_, reason, logic::ConfidenceOf(reason));
    if (Attaches(action)) binding_.push_back(key);
    merges_ |= action == DuplicateRule::ACTION_MERGE;
  }
  // Where nothing else is known, the same names are the same lead.
  const auto names = logic::Decide(rules_.settings, circumstance_, Duplicate::REASON_COMPANY_AND_PERSON, 1);
  if (exact.empty() && names != DuplicateRule::ACTION_CREATE) binding_ = logic::NamesKey(prepared.lead);
}

bool Settlement::BindsBy(std::string_view kind) const {
  return std::any_of(binding_.begin(), binding_.end(), [&](const logic::MatchKey& key) { return key.kind == kind; });
}

std::vector<logic::MatchKey> Settlement::SearchKeys() const { return logic::SearchKeys(prepared_.lead, rules_.region); }

void Settlement::NoteLike(const std::vector<logic::Found>& found) {
  like_.emplace();
  for (Duplicate& duplicate : logic::Judge(prepared_.lead, found)) {
    const auto action = logic::Decide(rules_.settings, circumstance_, duplicate);
    if (Attaches(action))
      like_->attach.push_back(std::move(duplicate));
    else if (action == DuplicateRule::ACTION_FLAG)
      like_->flag.push_back(std::move(duplicate));
  }
}

bool Settlement::IsNew(const SubmissionRecord& submission) const {
  return owner_ == submission.lead_id && like_ && like_->attach.empty();
}

LeadCalls::Arrival Settlement::Arrival(const SubmissionRecord& submission) const {
  return ArrivalOf(submission, submission.lead_id, like_->flag);
}

void Settlement::NoteMade(SubmissionRecord& submission) const {
  submission.findings.Clear();
  submission.findings.mutable_duplicates()->Add(like_->flag.begin(), like_->flag.end());
  Settled(submission, submission.lead_id, Submission::OUTCOME_CREATED);
}

bool Settlement::IsAddition(const SubmissionRecord& submission) const {
  return owner_ && *owner_ != submission.lead_id && !merges_;
}

LeadCalls::Addition Settlement::Addition(const SubmissionRecord& submission) const {
  return AdditionTo(*owner_, submission);
}

void Settlement::NoteAttached(const std::string& lead, SubmissionRecord& submission) const {
  submission.findings.Clear();
  Settled(submission, lead, Submission::OUTCOME_ATTACHED);
}

absl::StatusOr<std::string> Settlement::Claim(const std::string& own) {
  if (binding_.empty()) return own;
  return submissions_.Claim(who_.tenant, binding_, own, who_.deadline);
}

absl::StatusOr<std::string> Settlement::Likeness(const std::string& own) {
  if (!like_) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<logic::Found> found,
                            submissions_.FindLike(who_.tenant, SearchKeys(), own, /*open_only=*/true, who_.deadline));
    NoteLike(found);
  }
  for (const Duplicate& duplicate : like_->attach) {
    const std::string lead = IdOf(duplicate.lead());
    EMBUDO_ASSIGN_OR_RETURN(const LeadCalls::Seen seen, leads_.See(lead));
    if (seen.state != State::kOpen) continue;
    EMBUDO_RETURN_IF_ERROR(submissions_.Move(who_.tenant, binding_, own, lead, who_.deadline));
    return lead;
  }
  return own;
}

absl::StatusOr<bool> Settlement::MergeOwners(std::string* lead, const SubmissionRecord& submission) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> owners,
                          submissions_.Owners(who_.tenant, binding_, who_.deadline));
  std::vector<std::string> open = {*lead};
  for (const std::string& owner : owners) {
    EMBUDO_ASSIGN_OR_RETURN(const LeadCalls::Seen seen, leads_.See(owner));
    const bool named = std::find(open.begin(), open.end(), seen.id) != open.end();
    if (seen.state == State::kOpen && !named) open.push_back(seen.id);
  }
  if (open.size() < 2) return false;
  EMBUDO_ASSIGN_OR_RETURN(const std::string survivor, leads_.Merge(open, IdFor(submission, "merge")));
  for (const std::string& one : open) {
    if (one == survivor) continue;
    EMBUDO_RETURN_IF_ERROR(submissions_.Move(who_.tenant, binding_, one, survivor, who_.deadline));
  }
  *lead = survivor;
  return true;
}

type::v1::Touch Settlement::TouchOf(const SubmissionRecord& submission) const {
  return logic::TouchOf(request_, "submissions/" + submission.id, ToTimestamp(submission.create_time));
}

LeadCalls::Arrival Settlement::ArrivalOf(const SubmissionRecord& submission, const std::string& lead,
                                         const std::vector<Duplicate>& flagged) const {
  LeadCalls::Arrival arrival;
  arrival.id = lead;
  arrival.lead = &prepared_.lead;
  arrival.touch = TouchOf(submission);
  arrival.touch_id = IdFor(submission, "touch");
  if (const auto entry = logic::EntryOf(request_, /*lead_is_new=*/true)) {
    arrival.entries.emplace_back(IdFor(submission, "entry"), *entry);
  }
  if (!flagged.empty()) arrival.entries.emplace_back(IdFor(submission, "flag"), logic::FlagNote(flagged));
  // A lead that came another way a moment ago may not be in the index yet.
  arrival.match_email = BindsBy("EMAIL");
  arrival.match_phone = BindsBy("PHONE");
  arrival.request_id = IdFor(submission, lead);
  return arrival;
}

absl::StatusOr<bool> Settlement::MakeLead(std::string* lead, const SubmissionRecord& submission,
                                          const std::vector<Duplicate>& flagged) {
  using Made = LeadCalls::Made;
  LeadCalls::Arrival arrival = ArrivalOf(submission, *lead, flagged);
  EMBUDO_ASSIGN_OR_RETURN(LeadCalls::Received received, leads_.Receive(arrival));
  if (received.made == Made::kIdTaken) {
    EMBUDO_ASSIGN_OR_RETURN(received.other, leads_.FindByExternalId(prepared_.lead));
    if (received.other.empty()) {
      return Error(absl::StatusCode::kAborted, "CAPTURE_RACED", "an external id changes hands; try again")
          .RetryAfter(std::chrono::milliseconds(100));
    }
    EMBUDO_ASSIGN_OR_RETURN(const LeadCalls::Seen seen, leads_.See(received.other));
    received.made = Made::kMatched;
    if (seen.state != State::kOpen) {
      // A lead that has ended keeps its external ids; the one that begins now is found by the key.
      type::v1::Lead without = prepared_.lead;
      without.clear_external_ids();
      arrival.lead = &without;
      arrival.request_id = IdFor(submission, *lead + ":bare");
      EMBUDO_ASSIGN_OR_RETURN(received, leads_.Receive(arrival));
    }
  }
  if (received.made == Made::kMatched) {
    // It came another way a moment ago.
    EMBUDO_RETURN_IF_ERROR(submissions_.Move(who_.tenant, binding_, *lead, received.other, who_.deadline));
    *lead = received.other;
  }
  return received.made == Made::kNow;
}

absl::Status Settlement::Settle(SubmissionRecord& submission) {
  const std::string own = submission.lead_id;
  if (!owner_) {
    EMBUDO_ASSIGN_OR_RETURN(owner_, Claim(own));
  }
  std::string lead = *owner_;
  if (lead == own) {
    EMBUDO_ASSIGN_OR_RETURN(lead, Likeness(own));
  }
  const std::vector<Duplicate> flagged = like_ ? like_->flag : std::vector<Duplicate>();
  submission.findings.Clear();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // A lead that is not ours may be on its way still: whoever comes first makes it, under the same id.
    LeadCalls::Seen seen{State::kMissing, lead};
    if (lead != own) {
      EMBUDO_ASSIGN_OR_RETURN(seen, leads_.See(lead));
    }
    if (seen.state == State::kMissing) {
      EMBUDO_ASSIGN_OR_RETURN(const bool made, MakeLead(&lead, submission, flagged));
      if (made) {
        submission.findings.mutable_duplicates()->Add(flagged.begin(), flagged.end());
        Settled(submission, lead, Submission::OUTCOME_CREATED);
        return absl::OkStatus();
      }
      EMBUDO_ASSIGN_OR_RETURN(seen, leads_.See(lead));
    }
    if (seen.state == State::kClosed) {
      // That story has ended; this begins another. If several come at once, one of them moves the keys.
      EMBUDO_RETURN_IF_ERROR(submissions_.Move(who_.tenant, binding_, lead, own, who_.deadline));
      EMBUDO_ASSIGN_OR_RETURN(lead, Claim(own));
      continue;
    }
    auto outcome = Submission::OUTCOME_ATTACHED;
    lead = seen.id;
    if (merges_) {
      EMBUDO_ASSIGN_OR_RETURN(const bool merged, MergeOwners(&lead, submission));
      if (merged) outcome = Submission::OUTCOME_MERGED;
    }
    const absl::Status added = AddTo(lead, submission);
    // It was deleted this very moment.
    if (added.code() == absl::StatusCode::kNotFound) continue;
    EMBUDO_RETURN_IF_ERROR(added);
    Settled(submission, lead, outcome);
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kAborted, "CAPTURE_RACED", "other captures of this lead came between; try again")
      .RetryAfter(std::chrono::milliseconds(100));
}

LeadCalls::Addition Settlement::AdditionTo(const std::string& lead, const SubmissionRecord& submission) const {
  LeadCalls::Addition addition{lead, TouchOf(submission), IdFor(submission, "touch"), std::nullopt};
  if (const auto entry = logic::EntryOf(request_, /*lead_is_new=*/false)) {
    addition.entry.emplace(IdFor(submission, "entry"), *entry);
  }
  return addition;
}

absl::Status Settlement::AddTo(const std::string& lead, const SubmissionRecord& submission) {
  const LeadCalls::Addition addition = AdditionTo(lead, submission);
  EMBUDO_RETURN_IF_ERROR(leads_.AddTouch(lead, addition.touch, addition.touch_id));
  if (!addition.entry) return absl::OkStatus();
  return leads_.AddMessage(lead, addition.entry->second, addition.entry->first);
}

void Settlement::Settled(SubmissionRecord& submission, const std::string& lead, Submission::Outcome outcome) const {
  for (const std::string& warning : logic::WarningsOf(prepared_.lead)) submission.findings.add_warnings(warning);
  submission.lead_id = lead;
  submission.outcome = outcome;
}

absl::StatusOr<v1::CaptureLeadResponse> Settlement::Foresee() {
  v1::CaptureLeadResponse response;
  for (const std::string& warning : logic::WarningsOf(prepared_.lead)) response.add_warnings(warning);
  response.set_outcome(Submission::OUTCOME_CREATED);
  std::string lead;
  if (!binding_.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(lead, submissions_.Find(who_.tenant, binding_, who_.deadline));
  }
  if (!lead.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const LeadCalls::Seen seen, leads_.See(lead));
    lead = seen.state == State::kOpen ? seen.id : "";
  } else if (BindsBy("EMAIL")) {
    EMBUDO_ASSIGN_OR_RETURN(lead, leads_.FindByEmail(prepared_.lead.email()));
  }
  if (lead.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<logic::Found> found,
                            submissions_.FindLike(who_.tenant, SearchKeys(), "", /*open_only=*/true, who_.deadline));
    for (const Duplicate& duplicate : logic::Judge(prepared_.lead, found)) {
      const auto action = logic::Decide(rules_.settings, circumstance_, duplicate);
      if (action == DuplicateRule::ACTION_FLAG) *response.add_duplicates() = duplicate;
      if (Attaches(action) && lead.empty()) lead = IdOf(duplicate.lead());
    }
  }
  if (lead.empty()) return response;
  response.clear_duplicates();
  response.set_lead("leads/" + lead);
  response.set_outcome(Submission::OUTCOME_ATTACHED);
  return response;
}

}  // namespace embudo::capture::events
