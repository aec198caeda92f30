#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "common/base/error.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/event_output.h"

namespace embudo::cli {
namespace {

struct Flags {
  std::string from = "earliest";
  std::string filter;
  int limit = 50;
  std::string schema;
};

constexpr char kService[] = "embudo.pipeline.v1.EventService/";
constexpr int kMaxPageSize = 1000;

absl::StatusOr<pipeline::v1::ListEventsRequest> ListRequest(const Flags& flags) {
  const pipeline::v1::TailStart from = ParsePlace(flags.from);
  if (from.has_position() && flags.from != "earliest") {
    return InvalidField("--from", flags.from + " is for `tail`: a list takes earliest, a time or a cursor");
  }
  pipeline::v1::ListEventsRequest request;
  if (from.has_time()) *request.mutable_time() = from.time();
  if (from.has_cursor()) request.set_cursor(from.cursor());
  request.set_filter(flags.filter);
  return request;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(pipeline::v1::ListEventsRequest request, ListRequest(flags));
  EventLines lines(context.output());
  std::string cursor;
  int printed = 0;
  do {
    request.set_page_size(std::min(flags.limit - printed, kMaxPageSize));
    EMBUDO_ASSIGN_OR_RETURN(
        const auto page, context.Call<pipeline::v1::ListEventsResponse>(std::string(kService) + "ListEvents", request));
    for (const auto& event : page.events()) EMBUDO_RETURN_IF_ERROR(lines.Print(event));
    printed += page.events_size();
    request.set_page_token(page.next_page_token());
    cursor = page.cursor();
  } while (!request.page_token().empty() && printed < flags.limit);
  EMBUDO_RETURN_IF_ERROR(lines.Flush());
  if (!request.page_token().empty()) std::cerr << "there are more: --from " << cursor << '\n';
  return 0;
}

absl::StatusOr<int> Types(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(const auto types,
                          context.Call<pipeline::v1::ListEventTypesResponse>(std::string(kService) + "ListEventTypes",
                                                                             pipeline::v1::ListEventTypesRequest()));
  std::vector<Json> rows;
  for (const auto& type : types.event_types()) {
    if (type.type() == flags.schema) {
      context.output().stream() << Json::parse(type.json_schema()).dump(2) << '\n';
      return 0;
    }
    rows.push_back({{"type", type.type()}, {"resource_type", type.resource_type()}});
  }
  if (!flags.schema.empty()) return InvalidField("--schema", "there are no events of type " + flags.schema);
  context.output().Rows(rows, {{"TYPE", "type"}, {"RESOURCE", "resource_type"}});
  return 0;
}

}  // namespace

void AddEvents(CLI::App& app, Context& context) {
  CLI::App& events = *app.add_subcommand("events", "The log of changes");
  events.require_subcommand(1);
  AddEventsTail(events, context);
  const auto flags = std::make_shared<Flags>();
  CLI::App& list = *events.add_subcommand("list", "Shows events that are there, JSON as one object a line");
  list.add_option("--from", flags->from, "earliest, a time (RFC 3339), or a cursor")->capture_default_str();
  list.add_option("--filter", flags->filter, "Which, in the filter language: type = \"lead.won\"");
  list.add_option("--limit", flags->limit, "Most to show")->check(CLI::PositiveNumber)->capture_default_str();
  list.callback([&context, flags] {
    context.prints_events = true;
    context.command = [&context, flags] { return List(context, *flags); };
  });
  CLI::App& types = *events.add_subcommand("types", "The types of events");
  types.add_option("--schema", flags->schema, "The JSON schema of this type instead");
  types.callback([&context, flags] { context.command = [&context, flags] { return Types(context, *flags); }; });
  AddEventsConsume(events, context);
  AddSubscription(events, context);
}

}  // namespace embudo::cli
