#include "services/capture/events/newcomers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/waiting.h"
#include "common/log/log.h"

namespace embudo::capture::events {
namespace {

/// Groups on their way at once.
constexpr int kGroups = 2;
constexpr size_t kGroupSize = 32;
/// What is kept byte by byte in a group; one alone may be larger.
constexpr size_t kGroupBytes = size_t{1} << 20;

bool SameCaller(const Bringer& one, const Bringer& other) {
  return one.tenant == other.tenant && one.identity.actor == other.identity.actor &&
         one.identity.cause.SerializeAsString() == other.identity.cause.SerializeAsString();
}

db::Deadline LatestOf(const std::vector<Newcomer*>& group) {
  return (*std::max_element(group.begin(), group.end(),
                            [](const Newcomer* a, const Newcomer* b) { return a->who.deadline < b->who.deadline; }))
      ->who.deadline;
}

}  // namespace

Newcomers::Newcomers(storage::SubmissionStore& submissions, embudo::rpc::Client& pipeline, RuleBook& rules,
                     const Clock& clock)
    : submissions_(submissions),
      pipeline_(pipeline),
      rules_(rules),
      clock_(clock),
      keeping_(kGroups, NewGroup, [this](const std::vector<Newcomer*>& group) { return KeepAll(group); }),
      dealing_(kGroups, NewGroup, [this](const std::vector<Newcomer*>& group) {
        const absl::Status status = DealWith(group);
        if (!status.ok()) {
          log::Warning("capture: dealt with one by one",
                       {{"submissions", static_cast<int64_t>(group.size())}, {"reason", MessageOf(status)}});
        }
        return absl::OkStatus();
      }) {}

absl::Status Newcomers::TakeIn(Newcomer& comer) {
  const Waiting waiting;
  EMBUDO_RETURN_IF_ERROR(keeping_.Do(comer));
  const bool to_do = comer.kept.kept && comer.prepared.rejected.empty();
  return to_do ? dealing_.Do(comer) : absl::OkStatus();
}

Grouping<Newcomer>::Joins Newcomers::NewGroup() {
  struct Group {
    const Newcomer* first = nullptr;
    size_t size = 0;
    size_t bytes = 0;
  };
  return [group = std::make_shared<Group>()](const Newcomer& comer) {
    if (group->first == nullptr) group->first = &comer;
    const size_t bytes = comer.kept.raw->bytes.size();
    const bool fits = group->size == 0 || (group->size < kGroupSize && group->bytes + bytes <= kGroupBytes);
    if (!fits || !SameCaller(comer.who, group->first->who)) return false;
    ++group->size;
    group->bytes += bytes;
    return true;
  };
}

absl::Status Newcomers::KeepAll(const std::vector<Newcomer*>& group) {
  std::vector<storage::Beginning*> beginnings;
  for (Newcomer* comer : group) beginnings.push_back(&comer->kept);
  return submissions_.BeginAll(group[0]->who.tenant, beginnings, clock_.Now(), LatestOf(group));
}

absl::Status Newcomers::DealWith(const std::vector<Newcomer*>& kept) {
  EMBUDO_ASSIGN_OR_RETURN(const Settlement::Rules rules, rules_.OfTenant(kept[0]->who));
  for (Newcomer* comer : kept) EMBUDO_RETURN_IF_ERROR(Begin(*comer, rules));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Newcomer*> owners, ClaimKeys(kept));
  EMBUDO_RETURN_IF_ERROR(LookForLike(owners));
  Outcomes outcomes;
  EMBUDO_RETURN_IF_ERROR(MakeLeads(owners, outcomes));
  EMBUDO_RETURN_IF_ERROR(Attach(kept, outcomes));
  return Finish(kept, std::move(outcomes));
}

absl::Status Newcomers::Begin(Newcomer& comer, const Settlement::Rules& of_tenant) {
  Settlement::Rules rules = of_tenant;
  EMBUDO_RETURN_IF_ERROR(rules_.AddSource(comer.who, comer.request, &rules));
  comer.settlement =
      std::make_unique<Settlement>(submissions_, pipeline_, comer.who, std::move(rules), comer.request, comer.prepared);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Newcomer*>> Newcomers::ClaimKeys(const std::vector<Newcomer*>& begun) {
  std::vector<storage::Claim> claims;
  std::vector<std::vector<Newcomer*>> claiming;
  std::map<std::vector<std::string>, size_t> claim_of;
  std::set<std::string> taken;
  for (Newcomer* comer : begun) {
    std::vector<std::string> keys;
    for (const logic::MatchKey& key : comer->settlement->keys()) keys.push_back(key.kind + "=" + key.key);
    // Those with the same keys are of one lead.
    const auto same = keys.empty() ? claim_of.end() : claim_of.find(keys);
    if (same != claim_of.end()) {
      claiming[same->second].push_back(comer);
      continue;
    }
    // One that has only a key of another is not with it: it is to see what that was given.
    if (std::any_of(keys.begin(), keys.end(), [&](const std::string& key) { return taken.contains(key); })) continue;
    taken.insert(keys.begin(), keys.end());
    if (!keys.empty()) claim_of.emplace(std::move(keys), claims.size());
    claiming.push_back({comer});
    claims.push_back({comer->settlement->keys(), comer->kept.submission.lead_id, ""});
  }
  std::vector<storage::Claim*> pointers;
  for (storage::Claim& claim : claims) pointers.push_back(&claim);
  EMBUDO_RETURN_IF_ERROR(submissions_.ClaimAll(begun[0]->who.tenant, pointers, LatestOf(begun)));
  std::vector<Newcomer*> owners;
  for (size_t i = 0; i < claims.size(); ++i) {
    for (Newcomer* comer : claiming[i]) comer->settlement->NoteOwner(claims[i].winner);
    if (claims[i].winner == claims[i].lead_id) owners.push_back(claiming[i][0]);
  }
  return owners;
}

absl::Status Newcomers::LookForLike(const std::vector<Newcomer*>& owners) {
  if (owners.empty()) return absl::OkStatus();
  std::vector<storage::LikeSearch> searches;
  for (const Newcomer* comer : owners) {
    searches.push_back({comer->settlement->SearchKeys(), comer->kept.submission.lead_id});
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::vector<logic::Found>> found,
                          submissions_.FindLikeAll(owners[0]->who.tenant, searches, LatestOf(owners)));
  for (size_t i = 0; i < owners.size(); ++i) owners[i]->settlement->NoteLike(found[i]);
  return absl::OkStatus();
}

absl::Status Newcomers::MakeLeads(const std::vector<Newcomer*>& owners, Outcomes& outcomes) {
  std::vector<Newcomer*> fresh;
  std::vector<LeadCalls::Arrival> arrivals;
  for (Newcomer* comer : owners) {
    if (!comer->settlement->IsNew(comer->kept.submission)) continue;
    fresh.push_back(comer);
    arrivals.push_back(comer->settlement->Arrival(comer->kept.submission));
  }
  if (fresh.empty()) return absl::OkStatus();
  LeadCalls leads(pipeline_, AsService(fresh[0]->who.identity));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<bool> made, leads.ReceiveAll(arrivals));
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (!made[i]) continue;
    auto& record = outcomes.emplace(fresh[i], fresh[i]->kept.submission).first->second;
    fresh[i]->settlement->NoteMade(record);
  }
  return absl::OkStatus();
}

absl::Status Newcomers::Attach(const std::vector<Newcomer*>& begun, Outcomes& outcomes) {
  std::vector<Newcomer*> joining;
  std::vector<LeadCalls::Addition> additions;
  for (Newcomer* comer : begun) {
    if (!comer->settlement->IsAddition(comer->kept.submission)) continue;
    joining.push_back(comer);
    additions.push_back(comer->settlement->Addition(comer->kept.submission));
  }
  if (joining.empty()) return absl::OkStatus();
  LeadCalls leads(pipeline_, AsService(joining[0]->who.identity));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> attached, leads.AttachAll(additions));
  for (size_t i = 0; i < joining.size(); ++i) {
    if (attached[i].empty()) {
      // The lead is not there yet, or its story has ended. The keys may have changed hands: it begins anew.
      joining[i]->settlement.reset();
      continue;
    }
    auto& record = outcomes.emplace(joining[i], joining[i]->kept.submission).first->second;
    joining[i]->settlement->NoteAttached(attached[i], record);
  }
  return absl::OkStatus();
}

absl::Status Newcomers::Finish(const std::vector<Newcomer*>& begun, Outcomes outcomes) {
  std::vector<const storage::SubmissionRecord*> records;
  for (const auto& [comer, record] : outcomes) records.push_back(&record);
  EMBUDO_RETURN_IF_ERROR(submissions_.FinishAll(begun[0]->who.tenant, records, LatestOf(begun)));
  // Only now: until its outcome is kept, it is not at its end.
  for (auto& [comer, record] : outcomes) comer->kept.submission = std::move(record);
  return absl::OkStatus();
}

}  // namespace embudo::capture::events
