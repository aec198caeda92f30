#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "common/base/money.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using type::v1::Lead;

struct Flags {
  std::string name;
  std::string filter;
  std::string order_by;
  int limit = 50;
  std::vector<std::string> set;
  std::string id;
  std::string stage;
  std::string revenue;
  std::string reason;
  std::string note;
  std::string owner;
  std::string team;
  std::string override_reason;
  std::string after;
  std::string before;
};

const std::vector<Column>& Columns() {
  static const auto* const columns = new std::vector<Column>{{"NAME", "name"},
                                                             {"TITLE", "display_name"},
                                                             {"STATE", "state"},
                                                             {"STAGE", "stage"},
                                                             {"OWNER", "owner"},
                                                             {"TEAM", "team"},
                                                             {"REVENUE", "expected_revenue"},
                                                             {"PROBABILITY", "probability"},
                                                             {"CREATED", "create_time"}};
  return *columns;
}

absl::StatusOr<Lead> CallForLead(Context& context, const std::string& method,
                                 const google::protobuf::Message& request) {
  return context.Call<Lead>("embudo.pipeline.v1.LeadService/" + method, request);
}

/// Makes the call and shows the lead that it returns.
absl::StatusOr<int> ShowLead(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, CallForLead(context, method, request));
  context.output().Object(ToJson(lead));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  pipeline::v1::ListLeadsRequest request;
  request.set_filter(flags.filter);
  request.set_order_by(flags.order_by);
  EMBUDO_ASSIGN_OR_RETURN(
      const std::vector<Json> rows,
      ListPages<pipeline::v1::ListLeadsResponse>(context, "embudo.pipeline.v1.LeadService/ListLeads", request,
                                                 flags.limit, [](const auto& page) { return page.leads(); }));
  context.output().Rows(rows, Columns());
  return 0;
}

absl::StatusOr<Lead> Get(Context& context, const Flags& flags) {
  pipeline::v1::GetLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  return CallForLead(context, "GetLead", request);
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  pipeline::v1::CreateLeadRequest request;
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_lead(), flags.set, nullptr));
  request.set_lead_id(flags.id);
  request.set_request_id(NewRequestId());
  return ShowLead(context, "CreateLead", request);
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  pipeline::v1::UpdateLeadRequest request;
  request.mutable_lead()->set_name(NameOf("leads", flags.name));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_lead(), flags.set, request.mutable_update_mask()));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "UpdateLead", request);
}

absl::StatusOr<int> Move(Context& context, const Flags& flags) {
  pipeline::v1::MoveLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  request.set_stage(flags.stage);
  if (flags.stage.find('/') == std::string::npos) {
    EMBUDO_ASSIGN_OR_RETURN(const Lead lead, Get(context, flags));
    request.set_stage(lead.pipeline() + "/stages/" + flags.stage);
  }
  request.set_override_reason(flags.override_reason);
  if (!flags.after.empty()) request.set_after(NameOf("leads", flags.after));
  if (!flags.before.empty()) request.set_before(NameOf("leads", flags.before));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "MoveLead", request);
}

absl::StatusOr<int> Win(Context& context, const Flags& flags) {
  pipeline::v1::WinLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  if (!flags.revenue.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(*request.mutable_revenue(), ParseMoney(flags.revenue, ""));
  }
  request.set_override_reason(flags.override_reason);
  request.set_request_id(NewRequestId());
  return ShowLead(context, "WinLead", request);
}

absl::StatusOr<int> Lose(Context& context, const Flags& flags) {
  pipeline::v1::LoseLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  if (!flags.reason.empty()) request.set_lost_reason(NameOf("lostReasons", flags.reason));
  request.set_lost_note(flags.note);
  request.set_request_id(NewRequestId());
  return ShowLead(context, "LoseLead", request);
}

absl::StatusOr<int> Restore(Context& context, const Flags& flags) {
  pipeline::v1::RestoreLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "RestoreLead", request);
}

absl::StatusOr<int> Assign(Context& context, const Flags& flags) {
  pipeline::v1::AssignLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  if (!flags.owner.empty()) request.set_owner(NameOf("users", flags.owner));
  if (!flags.team.empty()) request.set_team(NameOf("teams", flags.team));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "AssignLead", request);
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  pipeline::v1::DeleteLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "DeleteLead", request);
}

absl::StatusOr<int> Show(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, Get(context, flags));
  context.output().Object(ToJson(lead));
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

/// Adds commands below `lead`; they share the variables of their flags, since one of them runs.
class Commands {
 public:
  Commands(CLI::App& lead, Context& context) : lead_(lead), context_(context) {}

  CLI::App& Add(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = *lead_.add_subcommand(name, help);
    command.callback([&context = context_, flags = flags_, action] {
      context.command = [&context, flags, action] { return action(context, *flags); };
    });
    return command;
  }
  CLI::App& AddForLead(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = Add(name, help, action);
    command.add_option("lead", flags_->name, "Its name or id")->required();
    return command;
  }
  Flags& flags() { return *flags_; }

 private:
  CLI::App& lead_;
  Context& context_;
  const std::shared_ptr<Flags> flags_ = std::make_shared<Flags>();
};

void AddReading(Commands& commands) {
  Flags& flags = commands.flags();
  CLI::App& list = commands.Add("list", "Leads that match", List);
  list.add_option("--filter", flags.filter, "Which, in the filter language");
  list.add_option("--order-by", flags.order_by, "`expected_revenue desc, create_time`");
  list.add_option("--limit", flags.limit, "Most leads to show")->check(CLI::PositiveNumber)->capture_default_str();
  commands.AddForLead("get", "One lead", Show);
}

void AddWriting(Commands& commands) {
  Flags& flags = commands.flags();
  CLI::App& create = commands.Add("create", "Creates a lead", Create);
  create.add_option("fields,--set", flags.set, "field=value; may be given several times")->required();
  create.add_option("--id", flags.id, "The id that it gets, a UUID");
  commands.AddForLead("update", "Changes fields of a lead", Update)
      .add_option("fields,--set", flags.set, "field=value; an empty value clears; may be given several times")
      ->required();
  commands.AddForLead("delete", "Deletes a lead", Delete);
  CLI::App& assign = commands.AddForLead("assign", "Gives a lead to a user or team", Assign);
  assign.add_option("--owner", flags.owner, "User");
  assign.add_option("--team", flags.team, "Team");
}

void AddMoving(Commands& commands) {
  Flags& flags = commands.flags();
  const char* override_help = "Pass unmet exit criteria, for this reason";
  CLI::App& move = commands.AddForLead("move", "Moves a lead to another stage", Move);
  move.add_option("stage", flags.stage, "Name of the stage, or its id in the lead's pipeline")->required();
  move.add_option("--override-reason", flags.override_reason, override_help);
  move.add_option("--after", flags.after, "The card that it shall stand just after");
  move.add_option("--before", flags.before, "The card that it shall stand just before");
  CLI::App& win = commands.AddForLead("win", "Wins a lead", Win);
  win.add_option("--revenue", flags.revenue, "What it brought");
  win.add_option("--override-reason", flags.override_reason, override_help);
  CLI::App& lose = commands.AddForLead("lose", "Loses a lead", Lose);
  lose.add_option("--reason", flags.reason, "Lost reason");
  lose.add_option("--note", flags.note, "What is to be said of it");
  commands.AddForLead("restore", "Opens a won or lost lead again", Restore);
}

}  // namespace

void AddLead(CLI::App& app, Context& context) {
  CLI::App& lead = *app.add_subcommand("lead", "Leads and opportunities");
  lead.require_subcommand(1);
  Commands commands(lead, context);
  AddReading(commands);
  AddWriting(commands);
  AddMoving(commands);
  AddLeadLife(lead, context);
  AddAssign(lead, context);
}

}  // namespace embudo::cli
