#include "services/capture/storage/submission_store.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/db/served.h"

namespace embudo::capture::storage {
namespace {

using db::OrNull;
using db::Params;

constexpr char kColumns[] =
    "submission_id, request, channel, outcome, lead_id, reason, request_id, request_hash, create_time,"
    " raw_content_type, raw_size, findings";

SubmissionRecord Read(const db::Row& row) {
  SubmissionRecord record;
  record.id = row.Text(0);
  record.request.ParseFromString(row.Bytes(1));
  record.channel = ChannelFrom(row.Text(2));
  record.outcome = OutcomeFrom(row.Text(3));
  record.lead_id = row.Text(4);
  record.reason = row.Text(5);
  record.request_id = row.Text(6);
  record.request_hash = row.Bytes(7);
  record.create_time = row.TimeAt(8);
  record.raw_content_type = row.Text(9);
  record.raw_size = row.Int(10);
  record.findings.ParseFromString(row.Bytes(11));
  return record;
}

/// The ids of those that it inserted; of others the request_id, or by a repeated statement the id, is there already.
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
constexpr char kFinish[] =
    "UPDATE capture.submission t SET outcome = s.outcome, lead_id = s.lead_id, reason = s.reason,"
    " findings = s.findings FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bytea[])"
    " AS s (id, outcome, lead_id, reason, findings),"
    " (SELECT CASE WHEN $7::boolean THEN set_config('synchronous_commit', 'off', true) END) AS lazily"
    " WHERE t.tenant_id = $1 AND t.submission_id = s.id";
constexpr char kClaim[] = "SELECT own, winner FROM capture.claim_keys($1, $2::uuid[], $3::text[], $4::text[])";

/// The keys as two arrays for unnest.
struct KeyArrays {
  std::vector<std::string> kinds;
  std::vector<std::string> keys;

  explicit KeyArrays(const std::vector<logic::MatchKey>& from) {
    for (const logic::MatchKey& key : from) {
      kinds.push_back(key.kind);
      keys.push_back(key.key);
    }
  }
};

/// The lead of the weightiest key that somebody has.
constexpr char kFindSql[] =
    "SELECT d.lead_id FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k (kind, key, weight)"
    " JOIN capture.dedupe_key d ON d.tenant_id = $1 AND d.kind = k.kind AND d.key = k.key"
    " ORDER BY k.weight LIMIT 1";

}  // namespace

absl::StatusOr<SubmissionRecord> SubmissionStore::Begin(const std::string& tenant, SubmissionRecord submission,
                                                        const RawContent& raw, Time now, db::Deadline deadline) {
  Beginning beginning{std::move(submission), &raw};
  EMBUDO_RETURN_IF_ERROR(BeginAll(tenant, {&beginning}, now, deadline));
  return beginning.kept ? std::move(beginning.submission) : First(tenant, beginning.submission, deadline);
}

absl::StatusOr<SubmissionRecord> SubmissionStore::First(const std::string& tenant, const SubmissionRecord& submission,
                                                        db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   std::string("SELECT ") + kColumns +
                                       " FROM capture.submission WHERE tenant_id = $1"
                                       " AND (submission_id = $2::uuid OR request_id = $3::uuid)",
                                   Params::Of(tenant, submission.id).Add(OrNull(submission.request_id))));
  if (rows.empty()) return Internal("submission: neither inserted nor found");
  SubmissionRecord first = Read(rows[0]);
  if (first.request_hash == submission.request_hash) return first;
  return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED", "the request_id was used for another request")
      .Field("request_id", "was used for another request");
}

absl::Status SubmissionStore::BeginAll(const std::string& tenant, const std::vector<Beginning*>& beginnings, Time now,
                                       db::Deadline deadline) {
  std::vector<std::string> ids, channels, leads, times, content_types, sizes;
  std::vector<std::optional<std::string>> requests, request_ids, hashes, raws;
  for (Beginning* beginning : beginnings) {
    SubmissionRecord& submission = beginning->submission;
    const RawContent& raw = *beginning->raw;
    if (raw.bytes.size() > kMaxRawBytes) {
      return InvalidField("raw", "is larger than " + std::to_string(kMaxRawBytes) + " bytes");
    }
    submission.id = Uuid::V7(now).ToString();
    submission.lead_id = Uuid::V7(now).ToString();
    submission.create_time = now;
    submission.raw_content_type = raw.content_type;
    submission.raw_size = static_cast<int64_t>(raw.bytes.size());
    ids.push_back(submission.id);
    channels.push_back(ChannelText(submission.channel));
    leads.push_back(submission.lead_id);
    requests.emplace_back(submission.request.SerializeAsString());
    request_ids.push_back(OrNull(submission.request_id));
    hashes.emplace_back(submission.request_hash);
    times.push_back(FormatTime(now));
    content_types.push_back(submission.raw_content_type);
    sizes.push_back(std::to_string(submission.raw_size));
    raws.push_back(OrNull(raw.bytes));
  }
  // What came by a call is acknowledged when its lead is on disk, and with that all that was written to the log before.
  const bool lazily = std::all_of(raws.begin(), raws.end(), [](const auto& raw) { return !raw; });
  Params params = Params::Of(tenant, ids, channels, leads);
  params.AddBytes(requests).Add(request_ids).AddBytes(hashes).Add(times).Add(content_types).Add(sizes);
  params.AddBytes(raws).Add(lazily);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, tenant, deadline, kInsert, params));
  std::set<std::string_view> inserted;
  for (int i = 0; i < rows.size(); ++i) inserted.insert(rows[i].Text(0));
  for (Beginning* beginning : beginnings) beginning->kept = inserted.contains(beginning->submission.id);
  return absl::OkStatus();
}

absl::Status SubmissionStore::Finish(const std::string& tenant, const SubmissionRecord& submission,
                                     db::Deadline deadline) {
  return FinishAll(tenant, {&submission}, deadline);
}

absl::Status SubmissionStore::FinishAll(const std::string& tenant,
                                        const std::vector<const SubmissionRecord*>& submissions,
                                        db::Deadline deadline) {
  if (submissions.empty()) return absl::OkStatus();
  std::vector<std::string> ids, outcomes, reasons;
  std::vector<std::optional<std::string>> leads, findings;
  // That it went to a lead is found again by whoever takes it up once more: the commit need not wait for the disk.
  bool lazily = true;
  for (const SubmissionRecord* submission : submissions) {
    ids.push_back(submission->id);
    outcomes.push_back(OutcomeText(submission->outcome));
    leads.push_back(OrNull(submission->lead_id));
    reasons.push_back(submission->reason);
    findings.emplace_back(submission->findings.SerializeAsString());
    lazily &= WentToALead(submission->outcome);
  }
  return db::Exec(pool_, tenant, deadline, kFinish,
                  Params::Of(tenant, ids, outcomes, leads, reasons).AddBytes(findings).Add(lazily))
      .status();
}

absl::Status SubmissionStore::Forget(const std::string& tenant, const SubmissionRecord& submission,
                                     const std::string& lead_id, db::Deadline deadline) {
  return db::RunInTx(pool_, tenant, deadline, [&](db::Connection& connection) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(connection
                               .Exec("DELETE FROM capture.dedupe_key WHERE tenant_id = $1 AND lead_id = $2::uuid",
                                     Params::Of(tenant, lead_id))
                               .status());
    const Params own = Params::Of(tenant, submission.id);
    EMBUDO_RETURN_IF_ERROR(
        connection.Exec("DELETE FROM capture.submission_raw WHERE tenant_id = $1 AND submission_id = $2::uuid", own)
            .status());
    return connection
        .Exec(
            "UPDATE capture.submission SET request = '', raw_content_type = '', raw_size = 0 WHERE tenant_id = $1"
            " AND submission_id = $2::uuid",
            own)
        .status();
  });
}

absl::StatusOr<SubmissionRecord> SubmissionStore::Get(const std::string& tenant, const std::string& id,
                                                      db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   std::string("SELECT ") + kColumns +
                                       " FROM capture.submission WHERE tenant_id = $1 AND submission_id = $2::uuid",
                                   Params::Of(tenant, id)));
  if (rows.empty()) return NotFound("embudo.dev/Submission", "submissions/" + id);
  return Read(rows[0]);
}

absl::StatusOr<std::vector<SubmissionRecord>> SubmissionStore::List(const std::string& tenant,
                                                                    const std::string& lead_id,
                                                                    const std::string& before, int limit,
                                                                    db::Deadline deadline) {
  // Two statements, so that each has its index.
  const std::string of_lead = lead_id.empty() ? " AND $4::uuid IS NULL" : " AND lead_id = $4::uuid AND outcome <> ''";
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, tenant, deadline,
               std::string("SELECT ") + kColumns +
                   " FROM capture.submission WHERE tenant_id = $1 AND ($2::uuid IS NULL OR submission_id < $2::uuid)" +
                   of_lead + " ORDER BY submission_id DESC LIMIT $3::int",
               Params::Of(tenant).Add(OrNull(before)).Add(limit).Add(OrNull(lead_id))));
  std::vector<SubmissionRecord> records;
  for (int i = 0; i < rows.size(); ++i) records.push_back(Read(rows[i]));
  return records;
}

absl::StatusOr<RawContent> SubmissionStore::Raw(const std::string& tenant, const std::string& id, int64_t offset,
                                                int64_t size, db::Deadline deadline) {
  // substr counts from 1, in int.
  const int64_t from = std::min<int64_t>(offset, kMaxRawBytes) + 1;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline,
                                   "SELECT content_type, substr(bytes, $3::int, $4::int) FROM capture.submission_raw"
                                   " WHERE tenant_id = $1 AND submission_id = $2::uuid",
                                   Params::Of(tenant, id, from, size)));
  if (rows.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_RAW_CONTENT", "submissions/" + id + " came by a call")
        .Resource("embudo.dev/Submission", "submissions/" + id);
  }
  return RawContent{std::string(rows[0].Text(0)), std::string(rows[0].Bytes(1))};
}

absl::StatusOr<SubmissionRecord> SubmissionStore::Reopen(const std::string& tenant, const std::string& id,
                                                         const v1::CaptureLeadRequest& request,
                                                         const std::string& lead_id, db::Deadline deadline) {
  EMBUDO_RETURN_IF_ERROR(db::Exec(pool_, tenant, deadline,
                                  "UPDATE capture.submission SET outcome = '', reason = '', request = $3::bytea,"
                                  " lead_id = coalesce(lead_id, $4::uuid) WHERE tenant_id = $1"
                                  " AND submission_id = $2::uuid AND outcome IN ('REJECTED', 'SPAM', 'IGNORED')",
                                  Params::Of(tenant, id).AddBytes(request.SerializeAsString()).Add(lead_id))
                             .status());
  return Get(tenant, id, deadline);
}

absl::StatusOr<std::vector<std::pair<std::string, SubmissionRecord>>> SubmissionStore::Unfinished(
    Time after, Time before, int limit, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, "", deadline,
               std::string("SELECT ") + kColumns +
                   ", tenant_id FROM capture.submission t WHERE outcome = '' AND create_time > $1::timestamptz"
                   " AND create_time < $2::timestamptz" EMBUDO_SERVED("t") " ORDER BY create_time LIMIT $3::int",
               Params::Of(after, before, limit)));
  std::vector<std::pair<std::string, SubmissionRecord>> found;
  for (int i = 0; i < rows.size(); ++i) found.emplace_back(rows[i].Text(12), Read(rows[i]));
  return found;
}

absl::StatusOr<std::vector<std::string>> SubmissionStore::Owners(const std::string& tenant,
                                                                 const std::vector<logic::MatchKey>& keys,
                                                                 db::Deadline deadline) {
  const KeyArrays arrays(keys);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, tenant, deadline,
               "SELECT DISTINCT d.lead_id FROM unnest($2::text[], $3::text[]) AS k (kind, key)"
               " JOIN capture.dedupe_key d ON d.tenant_id = $1 AND d.kind = k.kind AND d.key = k.key ORDER BY 1",
               Params::Of(tenant, arrays.kinds, arrays.keys)));
  std::vector<std::string> owners;
  for (int i = 0; i < rows.size(); ++i) owners.emplace_back(rows[i].Text(0));
  return owners;
}

absl::StatusOr<std::vector<logic::Found>> SubmissionStore::FindLike(const std::string& tenant,
                                                                    const std::vector<logic::MatchKey>& keys,
                                                                    const std::string& except, bool open_only,
                                                                    db::Deadline deadline) {
  return FindLeads(pool_, tenant, keys, except, open_only, deadline);
}

absl::StatusOr<std::vector<std::vector<logic::Found>>> SubmissionStore::FindLikeAll(
    const std::string& tenant, const std::vector<LikeSearch>& searches, db::Deadline deadline) {
  return FindLeadsOfAll(pool_, tenant, searches, deadline);
}

absl::StatusOr<std::string> SubmissionStore::Find(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                                  db::Deadline deadline) {
  const KeyArrays arrays(keys);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, tenant, deadline, kFindSql, Params::Of(tenant, arrays.kinds, arrays.keys)));
  return rows.empty() ? std::string() : std::string(rows[0].Text(0));
}

absl::StatusOr<std::string> SubmissionStore::Claim(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                                   const std::string& lead_id, db::Deadline deadline) {
  storage::Claim claim{keys, lead_id, ""};
  EMBUDO_RETURN_IF_ERROR(ClaimAll(tenant, {&claim}, deadline));
  return std::move(claim.winner);
}

absl::Status SubmissionStore::ClaimAll(const std::string& tenant, const std::vector<storage::Claim*>& claims,
                                       db::Deadline deadline) {
  std::vector<std::string> owns, kinds, keys;
  for (const storage::Claim* claim : claims) {
    for (const logic::MatchKey& key : claim->keys) {
      owns.push_back(claim->lead_id);
      kinds.push_back(key.kind);
      keys.push_back(key.key);
    }
  }
  std::map<std::string, std::string, std::less<>> winners;
  if (!owns.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            db::Exec(pool_, tenant, deadline, kClaim, Params::Of(tenant, owns, kinds, keys)));
    for (int i = 0; i < rows.size(); ++i) winners.emplace(rows[i].Text(0), rows[i].Text(1));
  }
  for (storage::Claim* claim : claims) {
    const auto winner = winners.find(claim->lead_id);
    claim->winner = winner == winners.end() ? claim->lead_id : winner->second;
  }
  return absl::OkStatus();
}

absl::Status SubmissionStore::Move(const std::string& tenant, const std::vector<logic::MatchKey>& keys,
                                   const std::string& from, const std::string& to, db::Deadline deadline) {
  const KeyArrays arrays(keys);
  return db::Exec(pool_, tenant, deadline,
                  "UPDATE capture.dedupe_key d SET lead_id = $5::uuid"
                  " FROM unnest($2::text[], $3::text[]) AS k (kind, key)"
                  " WHERE d.tenant_id = $1 AND d.kind = k.kind AND d.key = k.key AND d.lead_id = $4::uuid",
                  Params::Of(tenant, arrays.kinds, arrays.keys, from, to))
      .status();
}

}  // namespace embudo::capture::storage
