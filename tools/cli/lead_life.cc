// What happens to leads beyond their fields and stages: converting, merging, following, their past, and boards.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/base/error.h"
#include "common/base/money.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"

namespace embudo::cli {
namespace {

using type::v1::Lead;

struct Flags {
  std::string name;
  std::vector<std::string> names;
  std::vector<std::string> users;
  std::vector<std::string> fields;
  std::string customer = "link-or-create";
  std::string contact;
  std::string company;
  std::string stage;
  std::string owner;
  std::string team;
  std::string survivor;
  std::string pipeline = "default";
  std::string filter;
  int limit = 50;
  bool rows = false;
  bool undo = false;
};

std::string MethodOf(const char* method) { return std::string("embudo.pipeline.v1.LeadService/") + method; }

absl::StatusOr<int> ShowLead(Context& context, const char* method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, context.Call<Lead>(MethodOf(method), request));
  context.output().Object(ToJson(lead));
  return 0;
}

/// A stage by its name, or by its id in a pipeline.
std::string StageName(const std::string& stage, const std::string& pipeline) {
  return stage.find('/') == std::string::npos ? NameOf("pipelines", pipeline) + "/stages/" + stage : stage;
}

absl::StatusOr<int> Convert(Context& context, const Flags& flags) {
  pipeline::v1::ConvertLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  request.set_customer_mode(flags.customer == "none" ? pipeline::v1::ConvertLeadRequest::CUSTOMER_MODE_NONE
                            : flags.customer == "link"
                                ? pipeline::v1::ConvertLeadRequest::CUSTOMER_MODE_LINK
                                : pipeline::v1::ConvertLeadRequest::CUSTOMER_MODE_LINK_OR_CREATE);
  if (!flags.contact.empty()) request.set_contact(NameOf("contacts", flags.contact));
  if (!flags.company.empty()) request.set_company(NameOf("contacts", flags.company));
  if (!flags.stage.empty()) request.set_stage(StageName(flags.stage, flags.pipeline));
  if (!flags.owner.empty()) request.set_owner(NameOf("users", flags.owner));
  if (!flags.team.empty()) request.set_team(NameOf("teams", flags.team));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "ConvertLead", request);
}

absl::StatusOr<int> Merge(Context& context, const Flags& flags) {
  pipeline::v1::MergeLeadsRequest request;
  for (const std::string& name : flags.names) request.add_names(NameOf("leads", name));
  if (!flags.survivor.empty()) request.set_survivor(NameOf("leads", flags.survivor));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "MergeLeads", request);
}

absl::StatusOr<int> Undelete(Context& context, const Flags& flags) {
  pipeline::v1::UndeleteLeadRequest request;
  request.set_name(NameOf("leads", flags.name));
  request.set_request_id(NewRequestId());
  return ShowLead(context, "UndeleteLead", request);
}

template <class Request>
absl::StatusOr<int> FollowBy(Context& context, const Flags& flags, const char* method) {
  Request request;
  request.set_name(NameOf("leads", flags.name));
  for (const std::string& user : flags.users) request.add_users(NameOf("users", user));
  request.set_request_id(NewRequestId());
  return ShowLead(context, method, request);
}

absl::StatusOr<int> Follow(Context& context, const Flags& flags) {
  return flags.undo ? FollowBy<pipeline::v1::UnfollowLeadRequest>(context, flags, "UnfollowLead")
                    : FollowBy<pipeline::v1::FollowLeadRequest>(context, flags, "FollowLead");
}

/// `stage: New → Won`, one change after the other; a custom field by its key.
std::string ChangesText(const Json& change) {
  std::string text;
  const Json paths = At(change, "changed_fields");
  const std::string joined = paths.is_string() ? paths.get<std::string>() : "";
  for (size_t at = 0; at < joined.size();) {
    const size_t end = std::min(joined.find(',', at), joined.size());
    // A mask's JSON form is in camel case; the record's has the proto's names.
    std::string path;
    for (const char c : joined.substr(at, end - at)) {
      if (c >= 'A' && c <= 'Z') path += '_';
      path += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    text += (text.empty() ? "" : "; ") + path + ": " + CellText(At(At(change, "before"), path)) + " → " +
            CellText(At(At(change, "after"), path));
    at = end + 1;
  }
  return text;
}

absl::StatusOr<int> History(Context& context, const Flags& flags) {
  pipeline::v1::ListLeadChangesRequest request;
  request.set_parent(NameOf("leads", flags.name));
  for (const std::string& field : flags.fields) request.add_fields(field);
  std::vector<Json> rows;
  do {
    request.set_page_size(std::min(flags.limit - static_cast<int>(rows.size()), 1000));
    EMBUDO_ASSIGN_OR_RETURN(const auto page,
                            context.Call<pipeline::v1::ListLeadChangesResponse>(MethodOf("ListLeadChanges"), request));
    for (const auto& change : page.changes()) {
      rows.push_back(ToJson(change));
      if (context.output().format() != Format::kJson) rows.back()["changes"] = ChangesText(rows.back());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(rows.size()) < flags.limit);
  context.output().Rows(rows, {{"TIME", "time"}, {"WHAT", "type"}, {"WHO", "actor"}, {"CHANGES", "changes"}});
  return 0;
}

absl::StatusOr<int> Stays(Context& context, const Flags& flags) {
  pipeline::v1::ListStageStaysRequest request;
  request.set_parent(NameOf("leads", flags.name));
  EMBUDO_ASSIGN_OR_RETURN(const auto response,
                          context.Call<pipeline::v1::ListStageStaysResponse>(MethodOf("ListStageStays"), request));
  std::vector<Json> rows;
  for (const auto& stay : response.stays()) {
    rows.push_back(ToJson(stay));
    rows.back()["days"] = static_cast<double>(stay.duration().seconds() * 100 / 86'400) / 100;
  }
  context.output().Rows(rows, {{"STAGE", "stage"},
                               {"ENTERED", "enter_time"},
                               {"LEFT", "leave_time"},
                               {"DAYS", "days"},
                               {"BY", "entered_by"},
                               {"LEFT BY", "left_by"}});
  return 0;
}

std::string Amount(const google::type::Money& money) { return ToNumeric(money) + " " + money.currency_code(); }

/// The columns side by side: what is in them, then their cards.
void ShowBoard(Context& context, const pipeline::v1::GetKanbanResponse& board) {
  std::vector<std::string> titles;
  size_t deepest = 0;
  for (const auto& column : board.columns()) {
    titles.push_back(column.stage().display_name() + " (" + std::to_string(column.count()) + ")");
    deepest = std::max(deepest, static_cast<size_t>(column.cards_size()));
  }
  std::vector<std::vector<Json>> rows(deepest + 1);
  for (const auto& column : board.columns()) {
    rows[0].emplace_back(Amount(column.expected_revenue()));
    for (size_t i = 0; i < deepest; ++i) {
      const int at = static_cast<int>(i);
      rows[i + 1].emplace_back(at < column.cards_size() ? column.cards(at).display_name() : "");
    }
  }
  context.output().stream() << TableText(titles, rows);
}

absl::StatusOr<int> Kanban(Context& context, const Flags& flags) {
  pipeline::v1::GetKanbanRequest request;
  request.set_pipeline(NameOf("pipelines", flags.pipeline));
  request.set_filter(flags.filter);
  request.set_page_size(std::min(flags.limit, 200));
  request.set_counts_only(flags.rows);
  EMBUDO_ASSIGN_OR_RETURN(const auto board,
                          context.Call<pipeline::v1::GetKanbanResponse>(MethodOf("GetKanban"), request));
  if (context.output().format() == Format::kTable && !flags.rows) {
    ShowBoard(context, board);
    return 0;
  }
  std::vector<Json> rows;
  for (const auto& column : board.columns()) {
    rows.push_back(ToJson(column));
    rows.back()["count"] = column.count();  // also 0
  }
  context.output().Rows(rows, {{"STAGE", "stage.display_name"},
                               {"CARDS", "count"},
                               {"EXPECTED", "expected_revenue"},
                               {"WEIGHTED", "weighted_revenue"},
                               {"RECURRING A MONTH", "recurring_revenue"}});
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddLeadLife(CLI::App& lead, Context& context) {
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *lead.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  const auto add_for_lead = [&](const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = add(name, help, action);
    command.add_option("lead", flags->name, "Its name or id")->required();
    return command;
  };
  CLI::App& convert = add_for_lead("convert", "Makes an unqualified lead an opportunity", Convert);
  convert.add_option("--customer", flags->customer, "How its person and company are linked")
      ->check(CLI::IsMember({"link-or-create", "link", "none"}))
      ->capture_default_str();
  convert.add_option("--contact", flags->contact, "The person to link");
  convert.add_option("--company", flags->company, "The company to link");
  convert.add_option("--stage", flags->stage, "Where it starts");
  convert.add_option("--pipeline", flags->pipeline, "The pipeline of a stage given by its id")->capture_default_str();
  convert.add_option("--owner", flags->owner, "User");
  convert.add_option("--team", flags->team, "Team");
  CLI::App& merge = add("merge", "Merges leads into one", Merge);
  merge.add_option("leads", flags->names, "Two or more names or ids")->required()->expected(2, 100);
  merge.add_option("--survivor", flags->survivor, "The one that stays; the most advanced without it");
  add_for_lead("undelete", "Brings a deleted lead back", Undelete);
  CLI::App& follow = add_for_lead("follow", "Makes users followers of a lead", Follow);
  follow.add_option("--user", flags->users, "User; may be given several times; you without it");
  follow.add_flag("--stop", flags->undo, "End it");
  CLI::App& history = add_for_lead("history", "What has changed in a lead, newest first", History);
  history.add_option("--field", flags->fields, "Only changes of this field; may be given several times");
  history.add_option("--limit", flags->limit, "Most changes to show")->check(CLI::PositiveNumber);
  add_for_lead("stays", "The stages that a lead has been in", Stays);
  CLI::App& kanban = add("kanban", "A pipeline as a board", Kanban);
  kanban.add_option("pipeline", flags->pipeline, "Its name or id")->capture_default_str();
  kanban.add_option("--filter", flags->filter, "Which leads, in the filter language");
  kanban.add_option("--limit", flags->limit, "Most cards of a column")->check(CLI::PositiveNumber);
  kanban.add_flag("--rows", flags->rows, "A row for each column, with its figures");
}

}  // namespace embudo::cli
