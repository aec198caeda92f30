#include "services/capture/storage/submission_groups.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "common/base/error.h"

namespace embudo::capture::storage {
namespace {

using db::OrNull;
using db::Params;

/// The ids of those that it inserted.
constexpr char kInsert[] =
    "WITH s AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bytea[], $6::uuid[],"
    " $7::bytea[], $8::timestamptz[], $9::text[], $10::bigint[], $11::bytea[]) AS s (id, channel, lead_id, request,"
    " request_id, request_hash, create_time, content_type, size, bytes)),"
    " inserted AS (INSERT INTO capture.submission (tenant_id, submission_id, channel, outcome, lead_id, reason,"
    " request, request_id, request_hash, create_time, raw_content_type, raw_size)"
    " SELECT $1, id, channel, '', lead_id, '', request, request_id, request_hash, create_time, content_type, size"
    " FROM s, (SELECT CASE WHEN $12::boolean THEN set_config('synchronous_commit', 'off', true) END) AS lazily"
    " ON CONFLICT DO NOTHING RETURNING submission_id),"
    " raw AS (INSERT INTO capture.submission_raw (tenant_id, submission_id, content_type, bytes)"
    " SELECT $1, id, content_type, bytes FROM s JOIN inserted ON submission_id = id WHERE bytes IS NOT NULL)"
    " SELECT submission_id FROM inserted";
constexpr char kClaim[] = "SELECT own, winner FROM capture.claim_keys($1, $2::uuid[], $3::text[], $4::text[])";
constexpr char kFinish[] =
    "UPDATE capture.submission t SET outcome = s.outcome, lead_id = s.lead_id, reason = s.reason,"
    " findings = s.findings FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bytea[])"
    " AS s (id, outcome, lead_id, reason, findings),"
    " (SELECT CASE WHEN $7::boolean THEN set_config('synchronous_commit', 'off', true) END) AS lazily"
    " WHERE t.tenant_id = $1 AND t.submission_id = s.id";

/// Groups of one kind on their way at once.
constexpr int kGroups = 2;
constexpr size_t kGroupSize = 64;
/// What is kept byte by byte in a group; one alone may be larger.
constexpr size_t kGroupBytes = size_t{1} << 20;

/// Begins groups of one tenant; `Together` says more about which items go with the first.
template <class Item, class Together>
auto GroupsOfTenant() {
  struct Group {
    const Item* first = nullptr;
    size_t size = 0;
    Together together;
  };
  return [] {
    return [group = std::make_shared<Group>()](const Item& item) {
      if (group->first == nullptr) group->first = &item;
      const Item& first = *group->first;
      if (group->size == kGroupSize || item.tenant != first.tenant || !group->together(item, first)) return false;
      ++group->size;
      return true;
    };
  };
}

template <class Item>
db::Deadline LatestOf(const std::vector<Item*>& group) {
  db::Deadline latest = db::Deadline::min();
  for (const Item* item : group) latest = std::max(latest, item->deadline);
  return latest;
}

}  // namespace

struct SubmissionGroups::TogetherBeginning {
  size_t bytes = 0;
  bool operator()(const Beginning& item, const Beginning& first) {
    const size_t more = item.raw.bytes.size();
    if (item.raw.bytes.empty() != first.raw.bytes.empty() || (bytes > 0 && bytes + more > kGroupBytes)) return false;
    bytes += more;
    return true;
  }
};

/// Two that claim one key are not together: the second is to see what the first was given.
struct SubmissionGroups::TogetherClaiming {
  std::set<std::string> texts;
  bool operator()(const Claiming& item, const Claiming& /*first*/) {
    std::set<std::string> own;
    for (const logic::MatchKey& key : item.keys) own.insert(key.kind + "=" + key.key);
    if (std::any_of(own.begin(), own.end(), [&](const std::string& text) { return texts.contains(text); })) {
      return false;
    }
    texts.merge(own);
    return true;
  }
};

struct SubmissionGroups::TogetherEnding {
  bool operator()(const Ending& item, const Ending& first) const {
    return WentToALead(item.submission.outcome) == WentToALead(first.submission.outcome);
  }
};

SubmissionGroups::SubmissionGroups(db::Pool& pool)
    : pool_(pool),
      beginnings_(kGroups, GroupsOfTenant<Beginning, TogetherBeginning>(),
                  [this](const std::vector<Beginning*>& group) { return InsertGroup(group); }),
      claims_(kGroups, GroupsOfTenant<Claiming, TogetherClaiming>(),
              [this](const std::vector<Claiming*>& group) { return ClaimGroup(group); }),
      endings_(kGroups, GroupsOfTenant<Ending, TogetherEnding>(),
               [this](const std::vector<Ending*>& group) { return FinishGroup(group); }) {}

absl::StatusOr<bool> SubmissionGroups::Insert(const std::string& tenant, const SubmissionRecord& submission,
                                              const RawContent& raw, db::Deadline deadline) {
  Beginning beginning{tenant, deadline, submission, raw};
  EMBUDO_RETURN_IF_ERROR(beginnings_.Do(beginning));
  return beginning.inserted;
}

absl::StatusOr<std::string> SubmissionGroups::Claim(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                                    const std::string& lead_id, db::Deadline deadline) {
  Claiming claiming{tenant, deadline, keys, lead_id, ""};
  EMBUDO_RETURN_IF_ERROR(claims_.Do(claiming));
  return claiming.winner;
}

absl::Status SubmissionGroups::Finish(const std::string& tenant, const SubmissionRecord& submission,
                                      db::Deadline deadline) {
  Ending ending{tenant, deadline, submission};
  return endings_.Do(ending);
}

absl::Status SubmissionGroups::InsertGroup(const std::vector<Beginning*>& group) {
  std::vector<std::string> ids, channels, leads, times, content_types, sizes;
  std::vector<std::optional<std::string>> requests, request_ids, hashes, raws;
  for (const Beginning* item : group) {
    const SubmissionRecord& submission = item->submission;
    ids.push_back(submission.id);
    channels.push_back(ChannelText(submission.channel));
    leads.push_back(submission.lead_id);
    requests.emplace_back(submission.request.SerializeAsString());
    request_ids.push_back(OrNull(submission.request_id));
    hashes.emplace_back(submission.request_hash);
    times.push_back(FormatTime(submission.create_time));
    content_types.push_back(submission.raw_content_type);
    sizes.push_back(std::to_string(submission.raw_size));
    raws.push_back(OrNull(item->raw.bytes));
  }
  // What came by a call is acknowledged when its lead is on disk, and with that all that was written to the log before.
  const bool lazily = group[0]->raw.bytes.empty();
  Params params = Params::Of(group[0]->tenant, ids, channels, leads);
  params.AddBytes(requests).Add(request_ids).AddBytes(hashes).Add(times).Add(content_types).Add(sizes);
  params.AddBytes(raws).Add(lazily);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, group[0]->tenant, LatestOf(group), kInsert, params));
  std::set<std::string_view> inserted;
  for (int i = 0; i < rows.size(); ++i) inserted.insert(rows[i].Text(0));
  for (Beginning* item : group) item->inserted = inserted.contains(item->submission.id);
  return absl::OkStatus();
}

absl::Status SubmissionGroups::ClaimGroup(const std::vector<Claiming*>& group) {
  std::vector<std::string> owns, kinds, keys;
  for (const Claiming* item : group) {
    for (const logic::MatchKey& key : item->keys) {
      owns.push_back(item->lead_id);
      kinds.push_back(key.kind);
      keys.push_back(key.key);
    }
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, group[0]->tenant, LatestOf(group), kClaim,
                                                          Params::Of(group[0]->tenant, owns, kinds, keys)));
  std::map<std::string_view, std::string_view> winners;
  for (int i = 0; i < rows.size(); ++i) winners[rows[i].Text(0)] = rows[i].Text(1);
  for (Claiming* item : group) item->winner = winners.at(item->lead_id);
  return absl::OkStatus();
}

absl::Status SubmissionGroups::FinishGroup(const std::vector<Ending*>& group) {
  std::vector<std::string> ids, outcomes, reasons;
  std::vector<std::optional<std::string>> leads, findings;
  for (const Ending* item : group) {
    const SubmissionRecord& submission = item->submission;
    ids.push_back(submission.id);
    outcomes.push_back(OutcomeText(submission.outcome));
    leads.push_back(OrNull(submission.lead_id));
    reasons.push_back(submission.reason);
    findings.emplace_back(submission.findings.SerializeAsString());
  }
  // That it went to a lead is found again by whoever takes it up once more: the commit need not wait for the disk.
  const bool lazily = WentToALead(group[0]->submission.outcome);
  return db::Exec(pool_, group[0]->tenant, LatestOf(group), kFinish,
                  Params::Of(group[0]->tenant, ids, outcomes, leads, reasons).AddBytes(findings).Add(lazily))
      .status();
}

}  // namespace embudo::capture::storage
