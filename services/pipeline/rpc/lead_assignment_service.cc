#include "services/pipeline/rpc/lead_assignment_service.h"

#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "embudo/pipeline/v1/lead_assignment_service.pb.h"
#include "services/pipeline/logic/lead_rules.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;
using Assignment = v1::BulkAssignLeadsRequest::Assignment;

constexpr int kAttempts = 10;

constexpr char kLoads[] =
    "SELECT owner_id, count(*) FILTER (WHERE state = 'OPEN' AND NOT archived),"
    " count(*) FILTER (WHERE assign_time > $5::timestamptz - interval '24 hours' AND ($3 = '' OR team_id = $3)),"
    " count(*) FILTER (WHERE assign_time > $5::timestamptz - interval '30 days' AND ($3 = '' OR team_id = $3))"
    " FROM pipeline.lead WHERE tenant_id = $1 AND owner_id = ANY($2::text[]) AND delete_time IS NULL"
    " AND merged_into_id IS NULL AND lead_id <> ALL($4::uuid[]) GROUP BY owner_id";

using Assignments = std::map<std::string, const Assignment*>;

absl::StatusOr<Assignments> ById(const v1::BulkAssignLeadsRequest& request) {
  Assignments assignments;
  for (int i = 0; i < request.assignments_size(); ++i) {
    const std::string field = "assignments[" + std::to_string(i) + "]";
    const auto id = storage::LeadTable().pattern().Match(request.assignments(i).lead());
    if (!id || !Uuid::Parse((*id)[0])) return InvalidField(field + ".lead", "is no name of a lead");
    if (!assignments.emplace((*id)[0], &request.assignments(i)).second) {
      return InvalidField(field + ".lead", "is in this request already");
    }
  }
  return assignments;
}

absl::StatusOr<std::vector<resource::Record>> Load(Records& records, const CallContext& call,
                                                   const Assignments& assignments) {
  static const std::string sql = "SELECT " + storage::LeadTable().SelectList("t") +
                                 " FROM pipeline.lead t WHERE t.tenant_id = $1 AND t.lead_id = ANY($2::uuid[])"
                                 " AND t.delete_time IS NULL AND t.merged_into_id IS NULL ORDER BY t.lead_id";
  std::vector<std::string> ids;
  for (const auto& [id, assignment] : assignments) ids.push_back(id);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline, sql,
                                                          db::Params::Of(call.tenant(), ids)));
  std::vector<resource::Record> leads;
  for (int i = 0; i < rows.size(); ++i) leads.push_back(storage::LeadTable().Read(rows[i]));
  return leads;
}

/// Puts the change of one lead into `changes`, or says in the response why there is none.
absl::Status Plan(Records& records, const CallContext& call, const resource::Record& before,
                  const Assignment& assignment, std::vector<resource::Change>& changes,
                  v1::BulkAssignLeadsResponse& response) {
  const auto& old = static_cast<const Lead&>(*before.message);
  if (old.owner() == assignment.owner()) {
    response.set_assigned_count(response.assigned_count() + 1);
    return absl::OkStatus();
  }
  if (!old.owner().empty() || old.state() != Lead::STATE_OPEN) {
    response.add_overtaken_leads(assignment.lead());
    return absl::OkStatus();
  }
  auto lead = std::make_unique<Lead>(old);
  absl::Status ruled = records.WithScene(call, [&](const logic::Scene& scene) {
    return logic::Assign(scene, assignment.owner(), assignment.team(), false, *lead);
  });
  if (ruled.ok()) ruled = records.PrepareLead(call, *lead, &old);
  if (ruled.code() == absl::StatusCode::kInvalidArgument || ruled.code() == absl::StatusCode::kFailedPrecondition) {
    response.add_refused_leads(assignment.lead());
    return absl::OkStatus();
  }
  if (!ruled.ok()) return ruled;
  auto change = records.leads().ChangeOf(call, before, std::move(lead), type::v1::EVENT_TYPE_LEAD_ASSIGNED);
  if (change) changes.push_back(*std::move(change));
  response.set_assigned_count(response.assigned_count() + 1);
  return absl::OkStatus();
}

absl::StatusOr<v1::BulkAssignLeadsResponse> BulkAssignLeads(Records& records, const CallContext& call,
                                                            const v1::BulkAssignLeadsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Assignments assignments, ById(request));
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    v1::BulkAssignLeadsResponse response;
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<resource::Record> leads, Load(records, call, assignments));
    std::vector<resource::Change> changes;
    Assignments gone = assignments;
    for (const resource::Record& before : leads) {
      const std::string id = storage::LeadTable().KeyOf(*before.message);
      gone.erase(id);
      EMBUDO_RETURN_IF_ERROR(Plan(records, call, before, *assignments.at(id), changes, response));
    }
    for (const auto& [id, assignment] : gone) response.add_overtaken_leads(assignment->lead());
    status = records.writer().WriteAll(call.tenant(), changes, call.deadline);
    if (status.ok()) return response;
    if (status.code() != absl::StatusCode::kAborted) return status;
  }
  return status;
}

absl::StatusOr<v1::CountOwnerLeadsResponse> CountOwnerLeads(Records& records, const CallContext& call,
                                                            const v1::CountOwnerLeadsRequest& request) {
  std::vector<std::string> owners;
  for (const std::string& owner : request.owners()) owners.push_back(IdOf(owner));
  std::vector<std::string> excluded;
  for (int i = 0; i < request.excluded_leads_size(); ++i) {
    excluded.push_back(IdOf(request.excluded_leads(i)));
    if (Uuid::Parse(excluded.back())) continue;
    return InvalidField("excluded_leads[" + std::to_string(i) + "]", "is no name of a lead");
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline, kLoads,
               db::Params::Of(call.tenant(), owners, request.team().empty() ? std::string() : IdOf(request.team()),
                              excluded, records.clock().Now())));
  v1::CountOwnerLeadsResponse response;
  for (int i = 0; i < rows.size(); ++i) {
    auto& load = *response.add_loads();
    load.set_owner("users/" + std::string(rows[i].Text(0)));
    load.set_open_count(static_cast<int32_t>(rows[i].Int(1)));
    load.set_day_count(static_cast<int32_t>(rows[i].Int(2)));
    load.set_month_count(static_cast<int32_t>(rows[i].Int(3)));
  }
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeLeadAssignmentService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::BulkAssignLeadsRequest::descriptor()->file()->service(0));
  service->Unary<v1::BulkAssignLeadsRequest, v1::BulkAssignLeadsResponse>(
      "BulkAssignLeads", [&records](const CallContext& call, const v1::BulkAssignLeadsRequest& request) {
        return BulkAssignLeads(records, call, request);
      });
  service->Unary<v1::CountOwnerLeadsRequest, v1::CountOwnerLeadsResponse>(
      "CountOwnerLeads", [&records](const CallContext& call, const v1::CountOwnerLeadsRequest& request) {
        return CountOwnerLeads(records, call, request);
      });
  return service;
}

}  // namespace embudo::pipeline::rpc
