// Bulk assignment: 5,000 leads to 5 teams of 5 members.

#include "common/base/error.h"
#include "embudo/automation/v1/assignment_service.pb.h"
#include "embudo/automation/v1/operation_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using google::longrunning::Operation;
using std::chrono::steady_clock;

constexpr char kTeams[] = "embudo.pipeline.v1.TeamService/";
constexpr char kLeads[] = "embudo.pipeline.v1.LeadService/";
constexpr char kAssignments[] = "embudo.automation.v1.AssignmentService/";
constexpr char kOperations[] = "embudo.automation.v1.OperationService/";
constexpr int kTeamCount = 5;
constexpr int kMemberCount = 5;
constexpr int kLeadCount = 5000;
constexpr int kBatch = 1000;
constexpr double kGoalSeconds = 1;

/// There already: an earlier run made it.
absl::Status ThereIsOk(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists ? absl::OkStatus() : status;
}

absl::Status MakeTeams(cli::Context& context, std::vector<std::string>& teams) {
  for (int t = 0; t < kTeamCount; ++t) {
    const std::string team = "bench-" + std::to_string(t);
    pipeline::v1::CreateTeamRequest create;
    create.set_team_id(team);
    create.mutable_team()->set_display_name(team);
    EMBUDO_RETURN_IF_ERROR(
        ThereIsOk(context.Call<type::v1::Team>(std::string(kTeams) + "CreateTeam", create).status()));
    teams.push_back("teams/" + team);
    for (int m = 0; m < kMemberCount; ++m) {
      const std::string user = team + "-" + std::to_string(m);
      pipeline::v1::CreateUserRequest add;
      add.set_user_id(user);
      add.mutable_user()->set_display_name(user);
      EMBUDO_RETURN_IF_ERROR(ThereIsOk(context.Call<type::v1::User>(std::string(kTeams) + "CreateUser", add).status()));
      pipeline::v1::CreateMembershipRequest join;
      join.set_parent(teams.back());
      join.set_membership_id(user);
      join.mutable_membership()->set_user("users/" + user);
      join.mutable_membership()->set_capacity(100000);
      EMBUDO_RETURN_IF_ERROR(
          ThereIsOk(context.Call<type::v1::Membership>(std::string(kTeams) + "CreateMembership", join).status()));
    }
  }
  return absl::OkStatus();
}

absl::Status MakeLeads(cli::Context& context, const std::string& campaign) {
  for (int done = 0; done < kLeadCount; done += kBatch) {
    pipeline::v1::BatchCreateLeadsRequest batch;
    for (int i = 0; i < kBatch; ++i) {
      type::v1::Lead& lead = *batch.add_requests()->mutable_lead();
      lead.set_display_name("To be assigned");
      lead.set_email(campaign + "-" + std::to_string(done + i) + "@example.com");
      lead.set_campaign(campaign);
    }
    EMBUDO_RETURN_IF_ERROR(
        context.Call<pipeline::v1::BatchCreateLeadsResponse>(std::string(kLeads) + "BatchCreateLeads", batch).status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureAssignment(cli::Context& context, const Options&, std::vector<Figure>* figures) {
  automation::v1::AssignLeadsRequest request;
  std::vector<std::string> teams;
  EMBUDO_RETURN_IF_ERROR(MakeTeams(context, teams));
  const std::string campaign = "bench-" + cli::NewRequestId();
  EMBUDO_RETURN_IF_ERROR(MakeLeads(context, campaign));
  request.mutable_teams()->Assign(teams.begin(), teams.end());
  request.set_filter("campaign = \"" + campaign + "\"");
  request.set_full_capacity(true);
  const auto start = steady_clock::now();
  EMBUDO_ASSIGN_OR_RETURN(Operation operation,
                          context.Call<Operation>(std::string(kAssignments) + "AssignLeads", request));
  automation::v1::WaitOperationRequest wait;
  wait.set_name(operation.name());
  while (!operation.done()) {
    EMBUDO_ASSIGN_OR_RETURN(operation, context.Call<Operation>(std::string(kOperations) + "WaitOperation", wait));
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  if (operation.has_error()) return FromRpcStatus(operation.error());
  automation::v1::AssignLeadsSummary summary;
  operation.response().UnpackTo(&summary);
  figures->push_back({"assign " + std::to_string(summary.assigned()) + " leads to 5 teams of 5", "s", seconds,
                      kGoalSeconds, "the goal"});
  return absl::OkStatus();
}

}  // namespace embudo::bench
