#include "services/pipeline/events/subscription.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/http/public_address.h"

namespace embudo::pipeline::events {
namespace {

using google::protobuf::Message;
using type::v1::Subscription;

constexpr int kStandardDeliveries = 10;
constexpr std::chrono::seconds kStandardDeadline{30};
// Of webhooks, as docs/events.md promises.
constexpr std::chrono::hours kPushPatience{72};
constexpr std::chrono::seconds kFirstPushPause{10};
constexpr std::chrono::hours kLongestPushPause{6};
constexpr std::chrono::seconds kQuery{10};

Session::Settings SettingsOf(const Subscription& record) {
  Session::Settings settings;
  settings.ordered = !record.unordered();
  settings.ack_deadline =
      record.ack_deadline_seconds() == 0 ? kStandardDeadline : std::chrono::seconds(record.ack_deadline_seconds());
  settings.max_deliveries = record.max_deliveries() == 0 ? kStandardDeliveries : record.max_deliveries();
  if (record.push_uri().empty()) return settings;
  settings.patience = kPushPatience;
  settings.first_pause = kFirstPushPause;
  settings.longest_pause = kLongestPushPause;
  return settings;
}

}  // namespace

absl::StatusOr<Reading> ReadingOf(const EventRoom& room, const std::string& tenant, const Subscription& record) {
  Reading reading{record, {tenant, std::string(IdOf(record.name()))}, SettingsOf(record), nullptr};
  EMBUDO_ASSIGN_OR_RETURN(filter::EventFilter filter,
                          filter::EventFilter::Compile(record.filter(), room.leads.schema()));
  reading.filter = std::make_shared<const filter::EventFilter>(std::move(filter));
  return reading;
}

absl::StatusOr<Reading> ReadSubscription(const EventRoom& room, const rpc::CallContext& call, const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, room.subscriptions.Load(call, name));
  return ReadingOf(room, call.tenant(), static_cast<const Subscription&>(*record.message));
}

absl::StatusOr<int64_t> CountExpired(const EventRoom& room, const storage::SubscriptionKey& key) {
  EMBUDO_ASSIGN_OR_RETURN(const Places::Floor floor, room.places.FloorOf(key.tenant));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result places,
                          db::Exec(room.hub.pool(), "", db::After(kQuery),
                                   "SELECT partition, position FROM pipeline.subscription_place WHERE tenant_id = $1"
                                   " AND subscription_id = $2",
                                   db::Params::Of(key.tenant, key.subscription)));
  if (places.empty()) return 0;
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, room.places.Epochs());
  Positions at(event::EpochOfPartition(epochs, static_cast<int>(places[0].Int(0))));
  for (int i = 0; i < places.size(); ++i) at[static_cast<int>(places[i].Int(0))] = places[i].Int(1);
  return Distance(epochs, at, floor.positions);
}

absl::Status CheckKept(const EventRoom& room, const storage::SubscriptionKey& key) {
  EMBUDO_ASSIGN_OR_RETURN(const int64_t expired, CountExpired(room, key));
  if (expired == 0) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto cursors, room.Cursors());
  EMBUDO_ASSIGN_OR_RETURN(const Places::Floor floor, room.places.FloorOf(key.tenant));
  const std::string name = "subscriptions/" + key.subscription;
  return Error(absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
               name + ": events that it had still to read are no longer kept; seek to go on")
      .Meta("earliest_cursor", cursors->Encode(key.tenant, {floor.positions, std::nullopt}))
      .Meta("expired_count", std::to_string(expired))
      .Resource("embudo.dev/Subscription", name)
      .ToStatus();
}

resource::Rules SubscriptionRules(const Places& places, const std::function<const filter::Schema&()>& lead_schema,
                                  bool private_push_targets) {
  resource::Rules rules;
  rules.prepare = [=](const rpc::CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& subscription = static_cast<Subscription&>(after);
    EMBUDO_RETURN_IF_ERROR(
        filter::EventFilter::Compile(subscription.filter(), lead_schema(), {}, "subscription.filter").status());
    if (!subscription.push_uri().empty()) {
      EMBUDO_RETURN_IF_ERROR(http::CheckTarget(subscription.push_uri(), private_push_targets, "subscription.push_uri"));
    }
    if (!subscription.paused()) subscription.clear_pause_reason();
    if (before != nullptr) return absl::OkStatus();
    subscription.set_creator(call.identity.actor);
    subscription.clear_creator_roles();
    for (const type::v1::Role role : call.identity.roles) subscription.add_creator_roles(role);
    return absl::OkStatus();
  };
  rules.effects = [&places](const rpc::CallContext& call, const Message& after, const Message* before,
                            resource::Effects& effects) -> absl::Status {
    const auto& subscription = static_cast<const Subscription&>(after);
    const storage::SubscriptionKey key{call.tenant(), std::string(IdOf(subscription.name()))};
    if (subscription.has_delete_time()) {
      effects.statements = [key](db::Connection& connection) { return storage::ForgetSubscription(connection, key); };
    }
    if (before != nullptr) return absl::OkStatus();
    Positions positions;
    if (subscription.start() == Subscription::START_LATEST) {
      EMBUDO_ASSIGN_OR_RETURN(positions, places.Latest());
    } else {
      EMBUDO_ASSIGN_OR_RETURN(const Places::Floor floor, places.FloorOf(call.tenant()));
      positions = floor.positions;
    }
    effects.statements = [key, positions](db::Connection& connection) {
      return storage::CreatePlaces(connection, key, positions.epoch(), positions.values());
    };
    return absl::OkStatus();
  };
  return rules;
}

}  // namespace embudo::pipeline::events
