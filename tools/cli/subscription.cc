#include <CLI/CLI.hpp>

#include "common/base/error.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/event_output.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using type::v1::Subscription;

struct Flags {
  std::string name;
  std::string start;
  std::string display_name;
  std::string filter;
  std::string push_uri;
  std::vector<std::string> set;
  int limit = 50;
  std::string to;
  std::vector<std::string> events;
  std::string event;
};

const std::string& Service() {
  static const auto* const name = new std::string("embudo.pipeline.v1.SubscriptionService/");
  return *name;
}

/// A request about the subscription of the command.
template <class Request>
Request RequestFor(const Flags& flags) {
  Request request;
  request.set_name(NameOf("subscriptions", flags.name));
  return request;
}

/// The same, of a method that changes something.
template <class Request>
Request ChangeOf(const Flags& flags) {
  auto request = RequestFor<Request>(flags);
  request.set_request_id(NewRequestId());
  return request;
}

/// Makes the call and shows the record that it returns.
template <class Record>
absl::StatusOr<int> Show(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Record record, context.Call<Record>(Service() + method, request));
  context.output().Object(ToJson(record));
  return 0;
}

absl::StatusOr<int> List(Context& context, const Flags& flags) {
  pipeline::v1::ListSubscriptionsRequest request;
  request.set_filter(flags.filter);
  EMBUDO_ASSIGN_OR_RETURN(const auto rows, ListPages<pipeline::v1::ListSubscriptionsResponse>(
                                               context, Service() + "ListSubscriptions", request, flags.limit,
                                               [](const auto& page) -> const auto& { return page.subscriptions(); }));
  context.output().Rows(rows, {{"NAME", "name"},
                               {"TITLE", "display_name"},
                               {"FILTER", "filter"},
                               {"PUSHED TO", "push_uri"},
                               {"PAUSED", "paused"}});
  return 0;
}

absl::StatusOr<int> Create(Context& context, const Flags& flags) {
  pipeline::v1::CreateSubscriptionRequest request;
  Subscription& subscription = *request.mutable_subscription();
  subscription.set_display_name(flags.display_name.empty() ? flags.name : flags.display_name);
  subscription.set_start(flags.start == "earliest" ? Subscription::START_EARLIEST : Subscription::START_LATEST);
  subscription.set_filter(flags.filter);
  subscription.set_push_uri(flags.push_uri);
  EMBUDO_RETURN_IF_ERROR(SetFields(subscription, flags.set, nullptr));
  request.set_subscription_id(flags.name);
  request.set_request_id(NewRequestId());
  return Show<Subscription>(context, "CreateSubscription", request);
}

absl::StatusOr<int> Get(Context& context, const Flags& flags) {
  return Show<Subscription>(context, "GetSubscription", RequestFor<pipeline::v1::GetSubscriptionRequest>(flags));
}

absl::StatusOr<int> Update(Context& context, const Flags& flags) {
  pipeline::v1::UpdateSubscriptionRequest request;
  request.mutable_subscription()->set_name(NameOf("subscriptions", flags.name));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_subscription(), flags.set, request.mutable_update_mask()));
  request.set_request_id(NewRequestId());
  return Show<Subscription>(context, "UpdateSubscription", request);
}

absl::StatusOr<int> Delete(Context& context, const Flags& flags) {
  return Show<Subscription>(context, "DeleteSubscription", ChangeOf<pipeline::v1::DeleteSubscriptionRequest>(flags));
}

absl::StatusOr<int> Stats(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(const auto stats, context.Call<pipeline::v1::SubscriptionStats>(
                                                Service() + "GetSubscriptionStats",
                                                RequestFor<pipeline::v1::GetSubscriptionStatsRequest>(flags)));
  context.output().Object({{"backlog", stats.backlog()},
                           {"oldest_time", At(ToJson(stats), "oldest_time")},
                           {"waiting", stats.waiting_count()},
                           {"parked", stats.parked_count()},
                           {"workers", stats.worker_count()},
                           {"cursor", stats.cursor()}});
  return 0;
}

absl::StatusOr<int> Seek(Context& context, const Flags& flags) {
  auto request = ChangeOf<pipeline::v1::SeekSubscriptionRequest>(flags);
  const pipeline::v1::TailStart to = ParsePlace(flags.to);
  if (to.has_time()) *request.mutable_time() = to.time();
  if (to.has_cursor()) request.set_cursor(to.cursor());
  if (to.has_position()) request.set_position(to.position());
  return Show<pipeline::v1::SeekSubscriptionResponse>(context, "SeekSubscription", request);
}

absl::StatusOr<int> ListParked(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(const auto rows, ListPages<pipeline::v1::ListParkedEventsResponse>(
                                               context, Service() + "ListParkedEvents",
                                               RequestFor<pipeline::v1::ListParkedEventsRequest>(flags), flags.limit,
                                               [](const auto& page) -> const auto& { return page.parked_events(); }));
  context.output().Rows(rows, {{"EVENT", "event.id"},
                               {"TYPE", "event.type"},
                               {"SUBJECT", "event.subject"},
                               {"DELIVERIES", "delivery_count"},
                               {"REASON", "reason"},
                               {"PARKED", "park_time"}});
  return 0;
}

/// RedriveParkedEvents and DiscardParkedEvents, whose answer is a number.
template <class Response, class Request>
absl::StatusOr<Response> CallForParked(Context& context, const std::string& method, const Flags& flags) {
  auto request = ChangeOf<Request>(flags);
  for (const std::string& event : flags.events) request.add_event_ids(event);
  return context.Call<Response>(Service() + method, request);
}

absl::StatusOr<int> Redrive(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(
      const auto response,
      (CallForParked<pipeline::v1::RedriveParkedEventsResponse, pipeline::v1::RedriveParkedEventsRequest>(
          context, "RedriveParkedEvents", flags)));
  context.output().Object({{"redriven", response.redriven_count()}});
  return 0;
}

absl::StatusOr<int> Discard(Context& context, const Flags& flags) {
  EMBUDO_ASSIGN_OR_RETURN(
      const auto response,
      (CallForParked<pipeline::v1::DiscardParkedEventsResponse, pipeline::v1::DiscardParkedEventsRequest>(
          context, "DiscardParkedEvents", flags)));
  context.output().Object({{"discarded", response.discarded_count()}});
  return 0;
}

absl::StatusOr<int> RotateSecret(Context& context, const Flags& flags) {
  return Show<pipeline::v1::RotateSubscriptionSecretResponse>(
      context, "RotateSubscriptionSecret", ChangeOf<pipeline::v1::RotateSubscriptionSecretRequest>(flags));
}

absl::StatusOr<int> ListDeliveries(Context& context, const Flags& flags) {
  auto request = RequestFor<pipeline::v1::ListDeliveriesRequest>(flags);
  request.set_event_id(flags.event);
  EMBUDO_ASSIGN_OR_RETURN(const auto rows, ListPages<pipeline::v1::ListDeliveriesResponse>(
                                               context, Service() + "ListDeliveries", request, flags.limit,
                                               [](const auto& page) -> const auto& { return page.deliveries(); }));
  context.output().Rows(rows, {{"TIME", "time"},
                               {"EVENT", "event_id"},
                               {"ATTEMPT", "attempt"},
                               {"STATUS", "status_code"},
                               {"MS", "duration_ms"},
                               {"ERROR", "error"},
                               {"NEXT", "next_time"}});
  return 0;
}

absl::StatusOr<int> Redeliver(Context& context, const Flags& flags) {
  auto request = ChangeOf<pipeline::v1::RedeliverEventRequest>(flags);
  request.set_event_id(flags.event);
  EMBUDO_RETURN_IF_ERROR(
      context.Call<pipeline::v1::RedeliverEventResponse>(Service() + "RedeliverEvent", request).status());
  context.output().Object({{"event", flags.event}});
  return 0;
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

/// Adds commands, which share the variables of their flags, since one of them runs.
class Commands {
 public:
  explicit Commands(Context& context) : context_(context) {}

  CLI::App& Add(CLI::App& above, const std::string& name, const std::string& help, Action action) {
    CLI::App& command = *above.add_subcommand(name, help);
    command.callback([&context = context_, flags = flags_, action] {
      context.command = [&context, flags, action] { return action(context, *flags); };
    });
    return command;
  }
  CLI::App& AddForOne(CLI::App& above, const std::string& name, const std::string& help, Action action) {
    CLI::App& command = Add(above, name, help, action);
    command.add_option("subscription", flags_->name, "Its name or id")->required();
    return command;
  }
  void AddLimit(CLI::App& list) {
    list.add_option("--limit", flags_->limit, "Most to show")->check(CLI::PositiveNumber)->capture_default_str();
  }
  Flags& flags() { return *flags_; }

 private:
  Context& context_;
  const std::shared_ptr<Flags> flags_ = std::make_shared<Flags>();
};

void AddRecords(CLI::App& events, Commands& commands) {
  CLI::App& group = *events.add_subcommand("subscriptions", "Durable readers of the events");
  group.require_subcommand(1);
  Flags& flags = commands.flags();
  CLI::App& list = commands.Add(group, "list", "Subscriptions that match", List);
  list.add_option("--filter", flags.filter, "Which, in the filter language: paused");
  commands.AddLimit(list);
  CLI::App& create = commands.Add(group, "create", "Makes a subscription", Create);
  create.add_option("id", flags.name, "The id that it gets")->required();
  create.add_option("--start", flags.start, "Where it begins: earliest or latest")
      ->required()
      ->check(CLI::IsMember({"earliest", "latest"}));
  create.add_option("--filter", flags.filter, "Which events: type = \"lead.won\"");
  create.add_option("--push-uri", flags.push_uri, "Push them to this webhook; rotate-secret makes its first secret");
  create.add_option("--display-name", flags.display_name, "What people call it; default: the id");
  create.add_option("--set", flags.set, "field=value of what else there is; may be given several times");
  commands.AddForOne(group, "show", "One subscription", Get);
  commands.AddForOne(group, "update", "Changes fields of a subscription", Update)
      .add_option("--set", flags.set, "field=value, as paused=true; may be given several times")
      ->required();
  commands.AddForOne(group, "delete", "Deletes a subscription", Delete);
}

void AddPlaceAndParked(CLI::App& events, Commands& commands) {
  Flags& flags = commands.flags();
  commands.AddForOne(events, "stats", "How far a subscription is", Stats);
  commands.AddForOne(events, "seek", "Moves the place of a subscription", Seek)
      .add_option("--to", flags.to, "earliest, latest, a time (RFC 3339), or a cursor")
      ->required();
  CLI::App& parked = commands.AddForOne(events, "parked", "Events that could not be dealt with", ListParked);
  parked.alias("park");
  commands.AddLimit(parked);
  for (CLI::App* command : {&commands.AddForOne(events, "redrive", "Has parked events delivered again", Redrive),
                            &commands.AddForOne(events, "discard", "Throws parked events away", Discard)}) {
    command->add_option("event", flags.events, "Ids of the events; all without them");
  }
}

void AddPushed(CLI::App& events, Commands& commands) {
  Flags& flags = commands.flags();
  commands.AddForOne(events, "rotate-secret", "Makes a new secret of a webhook and shows it, once", RotateSecret);
  CLI::App& deliveries = commands.AddForOne(events, "deliveries", "Attempts to push, the newest first", ListDeliveries);
  deliveries.add_option("--event", flags.event, "Only those of this event");
  commands.AddLimit(deliveries);
  commands.AddForOne(events, "redeliver", "Pushes an event once more", Redeliver)
      .add_option("event", flags.event, "Id of the event")
      ->required();
}

}  // namespace

void AddSubscription(CLI::App& events, Context& context) {
  Commands commands(context);
  AddRecords(events, commands);
  AddPlaceAndParked(events, commands);
  AddPushed(events, commands);
}

}  // namespace embudo::cli
