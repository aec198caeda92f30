#include "services/automation/rpc/assignment_service.h"

#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/working_hours.h"
#include "services/automation/rpc/operations.h"
#include "services/automation/storage/assignments.h"
#include "services/automation/storage/operations.h"
#include "services/automation/storage/rules.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation {
namespace {

using google::longrunning::Operation;
using google::protobuf::Message;
using rpc::CallContext;

constexpr char kSettings[] = "assignmentSettings/default";
constexpr int kMostPlanned = 10000;

absl::Status CheckSettingsName(const std::string& name) {
  return name == kSettings ? absl::OkStatus() : NotFound("embudo.dev/AssignmentSettings", name);
}

}  // namespace

AssignmentService::AssignmentService(db::Pool& pool, resource::Writer& writer, events::BulkAssigner& bulk,
                                     const Clock& clock)
    : pool_(pool),
      bulk_(bulk),
      clock_(clock),
      territories_(
          storage::TerritoryTable(),
          {.prepare = [this](const CallContext& call, Message& after,
                             const Message*) { return PrepareTerritory(call, static_cast<v1::Territory&>(after)); },
           .default_order = "position"},
          pool, writer, clock),
      settings_(storage::AssignmentSettingsTable(),
                {.prepare =
                     [this](const CallContext& call, Message& after, const Message*) {
                       return PrepareSettings(call, static_cast<v1::AssignmentSettings&>(after));
                     }},
                pool, writer, clock),
      decisions_(storage::AssignmentDecisionTable(), {.default_order = "create_time desc"}, pool, writer, clock) {}

std::unique_ptr<rpc::Service> AssignmentService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetTerritoryRequest::descriptor()->file()->service(0));
  service->Unary<v1::GetAssignmentSettingsRequest, v1::AssignmentSettings>(
      "GetAssignmentSettings",
      [this](const CallContext& call, const auto& request) { return GetSettings(call, request); });
  service->Unary<v1::UpdateAssignmentSettingsRequest, v1::AssignmentSettings>(
      "UpdateAssignmentSettings",
      [this](const CallContext& call, const auto& request) { return UpdateSettings(call, request); });
  service->Unary<v1::AssignLeadsRequest, Operation>(
      "AssignLeads", [this](const CallContext& call, const auto& request) { return AssignLeads(call, request); });
  territories_.Bind(*service);
  settings_.Bind(*service);
  decisions_.Bind(*service);
  return service;
}

absl::Status AssignmentService::CheckFilter(const CallContext& call, const std::string& filter,
                                            const std::string& field) {
  if (filter.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
  return filter::Filter::Compile(filter, logic::LeadFields(), storage::ResolverOf(*lease, call.tenant()), field)
      .status();
}

absl::Status AssignmentService::PrepareTerritory(const CallContext& call, v1::Territory& territory) {
  if (territory.has_delete_time()) return absl::OkStatus();
  if (territory.team().empty() == territory.users().empty()) {
    return InvalidField("territory.team", "one of team and users must be set");
  }
  return CheckFilter(call, territory.filter(), "territory.filter");
}

absl::Status AssignmentService::PrepareSettings(const CallContext& call, v1::AssignmentSettings& settings) {
  EMBUDO_RETURN_IF_ERROR(logic::CheckTimes(settings));
  std::set<std::string> teams;
  for (int i = 0; i < settings.teams_size(); ++i) {
    const std::string field = "assignment_settings.teams[" + std::to_string(i) + "]";
    if (!teams.insert(settings.teams(i).team()).second) return InvalidField(field + ".team", "is there twice");
    EMBUDO_RETURN_IF_ERROR(CheckFilter(call, settings.teams(i).filter(), field + ".filter"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::AssignmentSettings> AssignmentService::GetSettings(const CallContext& call,
                                                                      const v1::GetAssignmentSettingsRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckSettingsName(request.name()));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
  return storage::GetAssignmentSettings(*lease, call.tenant());
}

absl::StatusOr<v1::AssignmentSettings> AssignmentService::UpdateSettings(
    const CallContext& call, const v1::UpdateAssignmentSettingsRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckSettingsName(request.assignment_settings().name()));
  v1::UpdateAssignmentSettingsRequest always = request;
  always.set_allow_missing(true);
  v1::AssignmentSettings response;
  EMBUDO_RETURN_IF_ERROR(settings_.Update(call, always, response));
  return response;
}

absl::StatusOr<Operation> AssignmentService::AssignLeads(const CallContext& call,
                                                         const v1::AssignLeadsRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckFilter(call, request.filter(), "filter"));
  storage::Operation operation;
  operation.tenant = call.tenant();
  operation.id =
      request.request_id().empty() ? Uuid::V7(clock_.Now()).ToString() : Uuid::Parse(request.request_id())->ToString();
  operation.request = request;
  operation.create_time = clock_.Now();
  operation.state = "QUEUED";
  if (request.validate_only()) {
    std::vector<type::v1::Lead> leads;
    EMBUDO_ASSIGN_OR_RETURN(logic::BulkPlan plan, bulk_.Plan(call.tenant(), request, leads));
    for (const logic::BulkAssignment& each : plan.assignments) {
      if (plan.summary.plan_size() == kMostPlanned) break;
      v1::PlannedAssignment& planned = *plan.summary.add_plan();
      planned.set_lead(each.lead->name());
      planned.set_team(each.team);
      planned.set_owner(each.owner);
      planned.set_reason(each.reason);
    }
    operation.total = plan.summary.assigned();
    operation.response = std::move(plan.summary);
    operation.state = "SUCCEEDED";
    operation.end_time = clock_.Now();
    return OperationOf(operation);
  }
  const auto make = [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(operation, storage::MakeOperation(connection, operation));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, call.tenant(), call.deadline, make));
  bulk_.Wake();
  return OperationOf(operation);
}

}  // namespace embudo::automation
