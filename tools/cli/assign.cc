// Bulk assignment of leads, and why each went where it did.

#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/automation/v1/assignment_service.pb.h"
#include "embudo/automation/v1/operation_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using automation::v1::AssignLeadsSummary;
using google::longrunning::Operation;

struct Flags {
  std::vector<std::string> teams;
  std::string filter;
  std::string lead;
  int64_t seed = 0;
  int limit = 50;
  bool full = false;
  bool working_hours = false;
  bool dry_run = false;
};

std::string MethodOf(const char* method) { return std::string("embudo.automation.v1.AssignmentService/") + method; }

absl::StatusOr<Operation> WaitUntilDone(Context& context, Operation operation) {
  automation::v1::WaitOperationRequest request;
  request.set_name(operation.name());
  request.mutable_timeout()->set_seconds(10);
  while (!operation.done()) {
    EMBUDO_ASSIGN_OR_RETURN(operation,
                            context.Call<Operation>("embudo.automation.v1.OperationService/WaitOperation", request));
  }
  return operation;
}

/// Each member with what it could take and got, and what is left.
void Print(Context& context, const AssignLeadsSummary& summary) {
  if (context.output().format() != Format::kTable) {
    context.output().Object(ToJson(summary));
    return;
  }
  std::vector<Json> rows;
  for (const auto& team : summary.teams()) {
    for (const auto& member : team.members()) {
      rows.push_back(
          {{"team", team.team()}, {"user", member.user()}, {"quota", member.quota()}, {"assigned", member.assigned()}});
    }
  }
  context.output().Rows(rows, {{"TEAM", "team"}, {"USER", "user"}, {"QUOTA", "quota"}, {"ASSIGNED", "assigned"}});
  context.output().stream() << "\n"
                            << summary.assigned() << " of " << summary.candidates() << " assigned, " << summary.left()
                            << " left, " << summary.overtaken() << " overtaken\n";
}

absl::StatusOr<int> AssignAll(Context& context, const Flags& flags) {
  automation::v1::AssignLeadsRequest request;
  for (const std::string& team : flags.teams) request.add_teams(NameOf("teams", team));
  request.set_filter(flags.filter);
  request.set_seed(flags.seed);
  request.set_full_capacity(flags.full);
  request.set_working_hours(flags.working_hours);
  request.set_validate_only(flags.dry_run);
  if (!flags.dry_run) request.set_request_id(NewRequestId());
  EMBUDO_ASSIGN_OR_RETURN(Operation operation, context.Call<Operation>(MethodOf("AssignLeads"), request));
  if (!flags.dry_run) {
    EMBUDO_ASSIGN_OR_RETURN(operation, WaitUntilDone(context, std::move(operation)));
  }
  if (operation.has_error()) return FromRpcStatus(operation.error());
  AssignLeadsSummary summary;
  operation.response().UnpackTo(&summary);
  Print(context, summary);
  return 0;
}

absl::StatusOr<int> Decisions(Context& context, const Flags& flags) {
  automation::v1::ListAssignmentDecisionsRequest request;
  std::string filter = flags.filter;
  if (!flags.lead.empty()) filter = "lead = \"" + NameOf("leads", flags.lead) + "\"";
  request.set_filter(filter);
  EMBUDO_ASSIGN_OR_RETURN(const auto rows,
                          ListPages<automation::v1::ListAssignmentDecisionsResponse>(
                              context, MethodOf("ListAssignmentDecisions"), request, flags.limit,
                              [](const auto& page) -> const auto& { return page.assignment_decisions(); }));
  context.output().Rows(rows, {{"TIME", "create_time"},
                               {"LEAD", "lead"},
                               {"OWNER", "owner"},
                               {"HOW", "strategy"},
                               {"STATE", "state"},
                               {"WHY", "reason"}});
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddAssign(CLI::App& lead, Context& context) {
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *lead.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    command.add_option("--filter", flags->filter, "Which, see docs/filter.md");
    return command;
  };
  CLI::App& all = add("assign-all", "Gives the leads without an owner to the members of teams", AssignAll);
  all.add_option("--team", flags->teams, "A team that takes part; without one, all");
  all.add_option("--seed", flags->seed, "Number that ties are broken by");
  all.add_flag("--full-capacity", flags->full, "The whole capacity of 30 days, not a day's share");
  all.add_flag("--working-hours", flags->working_hours, "Only to people who are at work");
  all.add_flag("--dry-run", flags->dry_run, "Only say who would get what");
  CLI::App& decisions = add("assignments", "Who got which lead, and why", Decisions);
  decisions.add_option("--lead", flags->lead, "Of one lead");
  decisions.add_option("--limit", flags->limit, "Most to show")->check(CLI::Range(1, 1000))->capture_default_str();
}

}  // namespace embudo::cli
