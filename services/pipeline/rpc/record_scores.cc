#include <cmath>
#include <map>
#include <string>
#include <vector>

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

using Scores = std::map<std::string, const v1::LeadScore*>;

/// The scores by the ids of their leads.
absl::StatusOr<Scores> ById(const v1::RecordScoresRequest& request) {
  Scores scores;
  for (int i = 0; i < request.scores_size(); ++i) {
    const auto field = [i] { return "scores[" + std::to_string(i) + "].lead"; };
    const auto id = storage::LeadTable().pattern().Match(request.scores(i).lead());
    if (!id || !Uuid::Parse((*id)[0])) return InvalidField(field(), "is no name of a lead");
    if (!scores.emplace((*id)[0], &request.scores(i)).second) {
      return InvalidField(field(), "has a score in this request already");
    }
  }
  return scores;
}

/// Each lead by its key, whatever the statistics say of a tenant that has just come.
std::string Select(const std::string& columns) {
  return "SELECT s.* FROM unnest($2::uuid[]) AS x (id) CROSS JOIN LATERAL (SELECT " + columns + " FROM " +
         storage::LeadTable().name() +
         " t WHERE t.tenant_id = $1 AND t.lead_id = x.id AND t.delete_time IS NULL OFFSET 0) s";
}

/// The leads that the scores change. Most scores are what they were, so it looks at what they may change alone.
absl::StatusOr<std::vector<std::string>> FindChanged(Records& records, const CallContext& call, const Scores& scores) {
  std::vector<std::string> ids;
  for (const auto& [id, score] : scores) ids.push_back(id);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(
          records.pool(), call.tenant(), call.deadline,
          Select("lead_id, score, automated_probability, probability, manual_probability, state = 'OPEN', priority,"
                 " priority_source"),
          db::Params::Of(call.tenant(), ids)));
  std::vector<std::string> changed;
  for (int i = 0; i < rows.size(); ++i) {
    Lead lead;
    lead.set_score(static_cast<int>(rows[i].Int(1)));
    lead.set_automated_probability(rows[i].Double(2));
    lead.set_probability(rows[i].Double(3));
    lead.set_manual_probability(rows[i].Bool(4));
    if (rows[i].Bool(5)) lead.set_state(Lead::STATE_OPEN);
    lead.set_priority(static_cast<int>(rows[i].Int(6)));
    lead.set_priority_source(
        static_cast<Lead::PrioritySource>(resource::EnumNumber(Lead::PrioritySource_descriptor(), rows[i].Text(7))));
    const std::string before = lead.SerializeAsString();
    const std::string id(rows[i].Text(0));
    ApplyScore(*scores.at(id), &lead);
    if (lead.SerializeAsString() != before) changed.push_back(id);
  }
  return changed;
}

absl::StatusOr<std::vector<resource::Record>> LoadLeads(Records& records, const CallContext& call,
                                                        const std::vector<std::string>& ids) {
  std::vector<resource::Record> leads;
  if (ids.empty()) return leads;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(records.pool(), call.tenant(), call.deadline,
                                   Select(storage::LeadTable().SelectList("t")), db::Params::Of(call.tenant(), ids)));
  for (int i = 0; i < rows.size(); ++i) leads.push_back(storage::LeadTable().Read(rows[i]));
  return leads;
}

}  // namespace

absl::StatusOr<v1::RecordScoresResponse> RecordScores(Records& records, const CallContext& caller,
                                                      const v1::RecordScoresRequest& request) {
  CallContext call = caller;
  call.identity.origin = type::v1::ORIGIN_SCORING;
  EMBUDO_ASSIGN_OR_RETURN(const Scores scores, ById(request));
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> changed, FindChanged(records, call, scores));
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<resource::Record> leads, LoadLeads(records, call, changed));
    std::vector<resource::Change> changes;
    for (const resource::Record& before : leads) {
      const auto& old = static_cast<const Lead&>(*before.message);
      auto lead = std::make_unique<Lead>(old);
      ApplyScore(*scores.at(storage::LeadTable().KeyOf(old)), lead.get());
      auto change = records.leads().ChangeOf(call, before, std::move(lead), type::v1::EVENT_TYPE_LEAD_SCORED);
      if (!change) continue;
      // A score leaves etag and update_time alone; the version still guards the write.
      auto& after = static_cast<Lead&>(*change->after.message);
      *after.mutable_update_time() = old.update_time();
      after.set_etag(old.etag());
      change->after.revision = before.revision;
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
