#include "services/capture/events/newcomers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
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
  if (owners.empty()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(LookForLike(owners));
  return MakeLeads(owners);
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
  std::vector<Newcomer*> claiming;
  std::set<std::string> taken;
  for (Newcomer* comer : begun) {
    // One that has a key of another is not with it: it is to see what that was given.
    std::set<std::string> keys;
    for (const logic::MatchKey& key : comer->settlement->keys()) keys.insert(key.kind + "=" + key.key);
    if (std::any_of(keys.begin(), keys.end(), [&](const std::string& key) { return taken.contains(key); })) continue;
    taken.merge(keys);
    claiming.push_back(comer);
    claims.push_back({comer->settlement->keys(), comer->kept.submission.lead_id, ""});
  }
  std::vector<storage::Claim*> pointers;
  for (storage::Claim& claim : claims) pointers.push_back(&claim);
  EMBUDO_RETURN_IF_ERROR(submissions_.ClaimAll(begun[0]->who.tenant, pointers, LatestOf(begun)));
  std::vector<Newcomer*> owners;
  for (size_t i = 0; i < claiming.size(); ++i) {
    claiming[i]->settlement->NoteOwner(claims[i].winner);
    if (claims[i].winner == claims[i].lead_id) owners.push_back(claiming[i]);
  }
  return owners;
}

absl::Status Newcomers::LookForLike(const std::vector<Newcomer*>& owners) {
  std::vector<storage::LikeSearch> searches;
  for (const Newcomer* comer : owners) {
    searches.push_back({comer->settlement->SearchKeys(), comer->kept.submission.lead_id});
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::vector<logic::Found>> found,
                          submissions_.FindLikeAll(owners[0]->who.tenant, searches, LatestOf(owners)));
  for (size_t i = 0; i < owners.size(); ++i) owners[i]->settlement->NoteLike(found[i]);
  return absl::OkStatus();
}

absl::Status Newcomers::MakeLeads(const std::vector<Newcomer*>& owners) {
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
  std::vector<const storage::SubmissionRecord*> settled;
  std::vector<storage::SubmissionRecord> records;
  records.reserve(fresh.size());
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (!made[i]) continue;
    records.push_back(fresh[i]->kept.submission);
    fresh[i]->settlement->NoteMade(records.back());
    settled.push_back(&records.back());
  }
  EMBUDO_RETURN_IF_ERROR(submissions_.FinishAll(fresh[0]->who.tenant, settled, LatestOf(fresh)));
  // Only now: until its outcome is kept, it is not at its end.
  size_t next = 0;
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (made[i]) fresh[i]->kept.submission = std::move(records[next++]);
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::events
