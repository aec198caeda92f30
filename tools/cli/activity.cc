#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "common/text/dates.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using type::v1::Activity;

struct Flags {
  std::string name;
  std::string lead = "-";
  std::string filter;
  std::string order_by;
  int limit = 50;
  std::vector<std::string> set;
  std::string feedback;
  std::string due_date;
  int days = 0;
  std::string user = "me";
};

constexpr int kMaxPageSize = 1000;

const std::vector<Column>& Columns() {
  static const auto* const columns = new std::vector<Column>{
      {"NAME", "name"},          {"DUE", "due_date"},    {"STATE", "state"},      {"URGENCY", "due_state"},
      {"TYPE", "activity_type"}, {"SUMMARY", "summary"}, {"ASSIGNEE", "assignee"}};
  return *columns;
}

/// Makes the call and shows the activity that it returns.
absl::StatusOr<int> Show(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const auto activity,
                          context.Call<Activity>("embudo.pipeline.v1.ActivityService/" + method, request));
  context.output().Object(ToJson(activity));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  pipeline::v1::ListActivitiesRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  request.set_filter(flags.filter);
  request.set_order_by(flags.order_by);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<pipeline::v1::ListActivitiesResponse>(
                              context, "embudo.pipeline.v1.ActivityService/ListActivities", request, flags.limit,
                              [](const auto& page) { return page.activities(); }));
  context.output().Rows(rows, Columns());
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  pipeline::v1::CreateActivityRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_activity(), flags.set, nullptr));
  request.set_request_id(NewRequestId());
  return Show(context, "CreateActivity", request);
}

absl::StatusOr<int> Complete(Context& context, const Flags& flags) {
  pipeline::v1::CompleteActivityRequest request;
  request.set_name(flags.name);
  request.set_feedback(flags.feedback);
  request.set_request_id(NewRequestId());
  return Show(context, "CompleteActivity", request);
}

absl::StatusOr<int> Cancel(Context& context, const Flags& flags) {
  pipeline::v1::CancelActivityRequest request;
  request.set_name(flags.name);
  request.set_request_id(NewRequestId());
  return Show(context, "CancelActivity", request);
}

absl::StatusOr<int> Snooze(Context& context, const Flags& flags) {
  pipeline::v1::SnoozeActivityRequest request;
  request.set_name(flags.name);
  request.set_days(flags.days);
  if (!flags.due_date.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const Day day, text::ParseDay(flags.due_date));
    *request.mutable_due_date() = ToDate(day);
  }
  request.set_request_id(NewRequestId());
  return Show(context, "SnoozeActivity", request);
}

absl::StatusOr<int> Agenda(Context& context, const Flags& flags) {
  pipeline::v1::GetAgendaRequest request;
  request.set_user(NameOf("users", flags.user));
  request.set_days(flags.days);
  std::vector<Json> rows;
  do {
    const int left = flags.limit - static_cast<int>(rows.size());
    request.set_page_size(std::min(left, kMaxPageSize));
    EMBUDO_ASSIGN_OR_RETURN(const auto page, context.Call<pipeline::v1::GetAgendaResponse>(
                                                 "embudo.pipeline.v1.ActivityService/GetAgenda", request));
    for (const auto& item : page.items()) rows.push_back(ToJson(item));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(rows.size()) < flags.limit);
  context.output().Rows(rows, {{"DUE", "activity.due_date"},
                               {"URGENCY", "activity.due_state"},
                               {"SUMMARY", "activity.summary"},
                               {"LEAD", "lead_display_name"},
                               {"NAME", "activity.name"}});
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

/// Adds a command; those of one group share the variables of their flags, since one of them runs.
CLI::App& Add(CLI::App& group, Context& context, const std::shared_ptr<Flags>& flags, const std::string& name,
              const std::string& help, Action action) {
  CLI::App& command = *group.add_subcommand(name, help);
  command.callback(
      [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
  return command;
}

}  // namespace

void AddActivity(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& group = *app.add_subcommand("activity", "Planned tasks on leads");
  group.require_subcommand(1);
  CLI::App& list = Add(group, context, flags, "list", "Activities that match", List);
  list.add_option("--lead", flags->lead, "Of one lead only");
  list.add_option("--filter", flags->filter, "Which, in the filter language");
  list.add_option("--order-by", flags->order_by, "`due_date desc, summary`");
  list.add_option("--limit", flags->limit, "Most activities to show")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::App& create = Add(group, context, flags, "create", "Plans an activity", Create);
  create.add_option("lead", flags->lead, "Name or id of the lead")->required();
  create.add_option("--set", flags->set, "field=value; may be given several times")->required();
  const auto add_for_one = [&](const std::string& name, const std::string& help, Action action) -> CLI::App& {
    CLI::App& command = Add(group, context, flags, name, help, action);
    command.add_option("activity", flags->name, "Its name")->required();
    return command;
  };
  add_for_one("complete", "Marks an activity done", Complete)
      .add_option("--feedback", flags->feedback, "What came of it");
  add_for_one("cancel", "Calls an activity off", Cancel);
  CLI::App& snooze = add_for_one("snooze", "Puts an activity off", Snooze);
  snooze.add_option("--days", flags->days, "Days from today");
  snooze.add_option("--due", flags->due_date, "The new day, YYYY-MM-DD");

  CLI::App& agenda = Add(app, context, flags, "agenda", "What a user has planned, across leads", Agenda);
  agenda.add_option("user", flags->user, "Name or id")->capture_default_str();
  agenda.add_option("--days", flags->days, "How many days to come; 7 if not given");
  agenda.add_option("--limit", flags->limit, "Most activities to show")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace embudo::cli
