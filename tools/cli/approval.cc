#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/approval_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

using type::v1::Approval;

struct Flags {
  std::string lead = "-";
  std::string approval;
  std::string criterion;
  std::string note;
  std::string filter;
};

constexpr char kService[] = "embudo.pipeline.v1.ApprovalService/";

absl::StatusOr<int> Show(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Approval approval, context.Call<Approval>(kService + method, request));
  context.output().Object(ToJson(approval));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  pipeline::v1::ListApprovalsRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.set_filter(flags.filter);
  request.set_page_size(1000);
  EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<pipeline::v1::ListApprovalsResponse>(
                                               std::string(kService) + "ListApprovals", request));
  std::vector<Json> rows;
  for (const Approval& approval : page.approvals()) rows.push_back(ToJson(approval));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"STAGE", "stage"},
                               {"CRITERION", "criterion"},
                               {"ROLE", "role"},
                               {"STATE", "state"},
                               {"REQUESTER", "requester"},
                               {"DECIDER", "decider"}});
  return 0;
}

absl::StatusOr<int> Request(Context& context, const Flags& flags) {
  pipeline::v1::RequestApprovalRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.set_criterion(flags.criterion);
  request.set_note(flags.note);
  request.set_request_id(NewRequestId());
  return Show(context, "RequestApproval", request);
}

template <class Decision>
absl::StatusOr<int> Decide(Context& context, const Flags& flags) {
  Decision request;
  request.set_name(flags.approval);
  request.set_note(flags.note);
  request.set_request_id(NewRequestId());
  const bool approve = std::is_same_v<Decision, pipeline::v1::ApproveRequest>;
  return Show(context, approve ? "Approve" : "Reject", request);
}

}  // namespace

void AddApproval(CLI::App& app, Context& context) {
  CLI::App& approval = *app.add_subcommand("approval", "Approvals that exit criteria ask for");
  approval.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help,
                       absl::StatusOr<int> (*action)(Context&, const Flags&)) -> CLI::App& {
    CLI::App& command = *approval.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  CLI::App& list = add("list", "Approvals, the newest first", List);
  list.add_option("--lead", flags->lead, "Name or id of one lead; all without it");
  list.add_option("--filter", flags->filter, "Which, in the filter language: `state = PENDING`");
  const char* note_help = "What is to be said";
  CLI::App& request = add("request", "Asks for an approval that the lead's stage wants", Request);
  request.add_option("lead", flags->lead, "Its name or id")->required();
  request.add_option("criterion", flags->criterion, "Key of the exit criterion")->required();
  request.add_option("--note", flags->note, note_help);
  for (CLI::App* decision : {&add("approve", "Gives an approval", Decide<pipeline::v1::ApproveRequest>),
                             &add("reject", "Refuses an approval", Decide<pipeline::v1::RejectRequest>)}) {
    decision->add_option("approval", flags->approval, "Its name")->required();
    decision->add_option("--note", flags->note, note_help);
  }
}

}  // namespace embudo::cli
