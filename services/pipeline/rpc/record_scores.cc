#include <cmath>
#include <map>
#include <set>

#include "common/base/error.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;

constexpr int kAttempts = 10;

void ApplyScore(const v1::LeadScore& score, Lead* lead) {
  if (score.has_score()) lead->set_score(score.score());
  if (score.has_automated_probability()) {
    lead->set_automated_probability(std::round(score.automated_probability() * 100) / 100);
    const bool follows = lead->state() == Lead::STATE_OPEN && !lead->manual_probability();
    if (follows) lead->set_probability(lead->automated_probability());
  }
  if (score.has_priority() && lead->priority_source() <= Lead::PRIORITY_SOURCE_SCORE &&
      lead->priority() != score.priority()) {
    lead->set_priority(score.priority());
    lead->set_priority_source(Lead::PRIORITY_SOURCE_SCORE);
  }
}

absl::StatusOr<std::map<std::string, resource::Record>> LoadLeads(Records& records, const CallContext& call,
                                                                  const v1::RecordScoresRequest& request) {
  const resource::Table& table = storage::LeadTable();
  std::vector<std::string> ids;
  std::set<std::string> seen;
  for (int i = 0; i < request.scores_size(); ++i) {
    const auto id = table.pattern().Match(request.scores(i).lead());
    if (!id || !Uuid::Parse((*id)[0])) {
      return InvalidField("scores[" + std::to_string(i) + "].lead", "is no name of a lead");
    }
    if (!seen.insert((*id)[0]).second) {
      return InvalidField("scores[" + std::to_string(i) + "].lead", "has a score in this request already");
    }
    ids.push_back((*id)[0]);
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(records.pool(), call.tenant(), call.deadline,
                                   "SELECT " + table.SelectList("t") + " FROM " + table.name() +
                                       " t WHERE t.tenant_id = $1 AND t.lead_id = ANY($2::uuid[])"
                                       " AND t.delete_time IS NULL",
                                   db::Params::Of(call.tenant(), ids)));
  std::map<std::string, resource::Record> leads;
  for (int i = 0; i < rows.size(); ++i) {
    resource::Record record = table.Read(rows[i]);
    leads[resource::NameOf(*record.message)] = std::move(record);
  }
  return leads;
}

}  // namespace

absl::StatusOr<v1::RecordScoresResponse> RecordScores(Records& records, const CallContext& caller,
                                                      const v1::RecordScoresRequest& request) {
  CallContext call = caller;
  call.identity.origin = type::v1::ORIGIN_SCORING;
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    EMBUDO_ASSIGN_OR_RETURN(const auto leads, LoadLeads(records, call, request));
    std::vector<resource::Change> changes;
    for (const v1::LeadScore& score : request.scores()) {
      const auto before = leads.find(score.lead());
      if (before == leads.end()) continue;
      const auto& old = static_cast<const Lead&>(*before->second.message);
      auto lead = std::make_unique<Lead>(old);
      ApplyScore(score, lead.get());
      const auto update_time = lead->update_time();
      auto change = records.leads().ChangeOf(call, before->second, std::move(lead), type::v1::EVENT_TYPE_LEAD_SCORED);
      if (!change) continue;
      // A score leaves etag and update_time alone; the version still guards the write.
      auto& after = static_cast<Lead&>(*change->after.message);
      *after.mutable_update_time() = update_time;
      after.set_etag(old.etag());
      change->after.revision = before->second.revision;
      changes.push_back(*std::move(change));
    }
    status = records.writer().WriteAll(call.tenant(), changes, call.deadline);
    if (status.ok()) {
      v1::RecordScoresResponse response;
      response.set_changed_count(static_cast<int>(changes.size()));
      return response;
    }
    if (status.code() != absl::StatusCode::kAborted) return status;
  }
  return status;
}

}  // namespace embudo::pipeline::rpc
