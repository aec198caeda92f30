#include <map>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/event/limits.h"
#include "common/resource/page.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "services/pipeline/events/event_service.h"
#include "services/pipeline/events/once.h"
#include "services/pipeline/events/push_service.h"
#include "services/pipeline/events/subscription.h"

namespace embudo::pipeline::events {
namespace {

using rpc::CallContext;

/// What an event's reason and times add to a page of parked ones.
constexpr size_t kParkedBytes = 4096;

// Parked events by their ids, or all of them.
constexpr char kOfParked[] =
    " WHERE tenant_id = $1 AND subscription_id = $2 AND park_time IS NOT NULL"
    " AND (cardinality($3::uuid[]) = 0 OR event_id = ANY($3::uuid[]))";

/// The subscription's key; NOT_FOUND if it is not there.
absl::StatusOr<storage::SubscriptionKey> KeyOf(const EventRoom& room, const CallContext& call,
                                               const std::string& name) {
  EMBUDO_RETURN_IF_ERROR(room.subscriptions.Load(call, name).status());
  return storage::SubscriptionKey{call.tenant(), std::string(IdOf(name))};
}

absl::StatusOr<std::vector<std::string>> Ids(const google::protobuf::RepeatedPtrField<std::string>& ids) {
  for (int i = 0; i < ids.size(); ++i) {
    if (!Uuid::Parse(ids[i])) return InvalidField("event_ids[" + std::to_string(i) + "]", "is no id of an event");
  }
  return std::vector<std::string>(ids.begin(), ids.end());
}

absl::StatusOr<Place> Target(const EventRoom& room, const CallContext& call, const v1::SeekSubscriptionRequest& request,
                             const CursorCodec& cursors) {
  Start start;
  if (request.has_cursor()) start.cursor = request.cursor();
  if (request.has_time()) start.time = FromTimestamp(request.time());
  if (request.has_position()) {
    if (request.position() == v1::TailStart::POSITION_LATEST) start.named = Start::Named::kLatest;
    if (request.position() == v1::TailStart::POSITION_EARLIEST) start.named = Start::Named::kEarliest;
  }
  if (start.cursor.empty() && !start.time && start.named == Start::Named::kNone) {
    return InvalidField("to", "needs a cursor, a time, POSITION_EARLIEST or POSITION_LATEST");
  }
  EMBUDO_ASSIGN_OR_RETURN(Place place, Locate(room.places, cursors, call.tenant(), start, "cursor"));
  if (place.snapshot_after) return InvalidField("cursor", "is of a snapshot that has not ended");
  return place;
}

absl::StatusOr<v1::SeekSubscriptionResponse> Seek(const EventRoom& room, const CallContext& call,
                                                  const v1::SeekSubscriptionRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const storage::SubscriptionKey key, KeyOf(room, call, request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const auto cursors, room.Cursors());
  EMBUDO_ASSIGN_OR_RETURN(const Place place, Target(room, call, request, *cursors));
  std::vector<std::string> positions;
  for (const int64_t position : place.positions.values()) positions.push_back(std::to_string(position));
  return Once<v1::SeekSubscriptionResponse>(
      room, call, request, [&](db::Connection& connection, v1::SeekSubscriptionResponse& response) -> absl::Status {
        response.set_cursor(cursors->Encode(call.tenant(), place));
        const event::Epoch& epoch = place.positions.epoch();
        EMBUDO_RETURN_IF_ERROR(connection
                                   .Exec("DELETE FROM pipeline.subscription_lane WHERE tenant_id = $1 AND"
                                         " subscription_id = $2 AND park_time IS NULL",
                                         db::Params::Of(key.tenant, key.subscription))
                                   .status());
        EMBUDO_ASSIGN_OR_RETURN(const event::Epoch now, storage::EpochOf(connection, key));
        if (now.number != epoch.number) {
          return storage::MoveToEpoch(connection, key, epoch, place.positions.values());
        }
        return connection
            .Exec(
                "UPDATE pipeline.subscription_place p SET position = t.position, generation = generation + 1"
                " FROM unnest($3::bigint[]) WITH ORDINALITY AS t(position, ord)"
                " WHERE p.tenant_id = $1 AND p.subscription_id = $2 AND p.partition = $4::int + t.ord - 1",
                db::Params::Of(key.tenant, key.subscription, positions, epoch.first))
            .status();
      });
}

absl::StatusOr<v1::SubscriptionStats> Stats(const EventRoom& room, const CallContext& call,
                                            const v1::GetSubscriptionStatsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const storage::SubscriptionKey key, KeyOf(room, call, request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const auto cursors, room.Cursors());
  EMBUDO_ASSIGN_OR_RETURN(const Positions heads, room.places.Latest());
  EMBUDO_ASSIGN_OR_RETURN(const int64_t expired, CountExpired(room, key));
  EMBUDO_ASSIGN_OR_RETURN(const event::Epochs epochs, room.places.Epochs());
  const db::Params params = db::Params::Of(key.tenant, key.subscription);
  // As the worker: the log's places are those of all tenants.
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.hub.pool().Acquire("", call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result places,
      lease->Exec("SELECT p.partition, p.position, n.event_id FROM pipeline.subscription_place p LEFT JOIN LATERAL"
                  " (SELECT e.event_id FROM pipeline.event_position q JOIN pipeline.event e USING (tenant_id, day, seq)"
                  " WHERE q.partition = p.partition AND q.position > p.position ORDER BY q.position LIMIT 1) n ON true"
                  " WHERE p.tenant_id = $1 AND p.subscription_id = $2",
                  params));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result counts,
      lease->Exec("SELECT count(*) FILTER (WHERE park_time IS NULL), count(park_time),"
                  " (SELECT count(*) FROM pipeline.subscription_worker WHERE tenant_id = $1 AND subscription_id = $2"
                  " AND lease_until >= now()) FROM pipeline.subscription_lane WHERE tenant_id = $1"
                  " AND subscription_id = $2",
                  params));
  v1::SubscriptionStats stats;
  Place place{places.empty() ? heads : Positions(EpochOfPartition(epochs, static_cast<int>(places[0].Int(0)))),
              std::nullopt};
  std::optional<Time> oldest;
  for (int i = 0; i < places.size(); ++i) {
    place.positions[static_cast<int>(places[i].Int(0))] = places[i].Int(1);
    const std::optional<Time> time = TimeOfEvent(places[i].Text(2));
    if (time && (!oldest || *time < *oldest)) oldest = time;
  }
  stats.set_backlog(Distance(epochs, place.positions, heads));
  stats.set_cursor(cursors->Encode(call.tenant(), place));
  stats.set_expired_count(expired);
  if (oldest) *stats.mutable_oldest_time() = ToTimestamp(*oldest);
  stats.set_waiting_count(counts[0].Int(0));
  stats.set_parked_count(counts[0].Int(1));
  stats.set_worker_count(static_cast<int>(counts[0].Int(2)));
  return stats;
}

absl::StatusOr<v1::ListParkedEventsResponse> ListParked(const EventRoom& room, const CallContext& call,
                                                        const v1::ListParkedEventsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const storage::SubscriptionKey key, KeyOf(room, call, request.name()));
  int size = resource::PageSize(request);
  db::Params params = db::Params::Of(key.tenant, key.subscription, size + 1);
  std::string after;
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> values,
                            resource::ReadPageToken(request.page_token(), resource::QueryHash(call, request), 2));
    params.Add(values[0]).Add(values[1]);
    after = " AND (park_time, event_id) > ($4::timestamptz, $5::uuid)";
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(room.pool, call.tenant(), call.deadline,
               "SELECT data, delivery_count, reason, park_time, park_time::text AS park_text, event_id FROM"
               " pipeline.subscription_lane WHERE tenant_id = $1 AND subscription_id = $2 AND park_time IS NOT NULL" +
                   after + " ORDER BY park_time, event_id LIMIT $3::int",
               params));
  v1::ListParkedEventsResponse response;
  size = std::min(rows.size(), size);
  size_t bytes = 0;
  for (int i = 0; i < size; ++i) {
    bytes += rows[i].Bytes(0).size() + kParkedBytes;
    if (i > 0 && bytes > event::kLargestEvents) {
      size = i;
      break;
    }
    v1::ParkedEvent& parked = *response.add_parked_events();
    parked.mutable_event()->ParseFromString(rows[i].Bytes(0));
    parked.set_delivery_count(static_cast<int>(rows[i].Int(1)));
    parked.set_reason(std::string(rows[i].Text(2)));
    *parked.mutable_park_time() = ToTimestamp(rows[i].TimeAt(3));
  }
  if (rows.size() > size) {
    const db::Row last = rows[size - 1];
    response.set_next_page_token(resource::MakePageToken(resource::QueryHash(call, request),
                                                         {std::string(last.Text(4)), std::string(last.Text(5))}));
  }
  return response;
}

absl::StatusOr<v1::RedriveParkedEventsResponse> Redrive(const EventRoom& room, const CallContext& call,
                                                        const v1::RedriveParkedEventsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const storage::SubscriptionKey key, KeyOf(room, call, request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids, Ids(request.event_ids()));
  return Once<v1::RedriveParkedEventsResponse>(
      room, call, request, [&](db::Connection& connection, v1::RedriveParkedEventsResponse& response) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(
            const db::Result redriven,
            connection.Exec("UPDATE pipeline.subscription_lane SET park_time = NULL, next_time = $4,"
                            " first_time = $4, delivery_count = 0, redriven = true" +
                                std::string(kOfParked),
                            db::Params::Of(key.tenant, key.subscription, ids, room.clock.Now())));
        response.set_redriven_count(redriven.affected());
        return absl::OkStatus();
      });
}

absl::StatusOr<v1::DiscardParkedEventsResponse> Discard(const EventRoom& room, const CallContext& call,
                                                        const v1::DiscardParkedEventsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const storage::SubscriptionKey key, KeyOf(room, call, request.name()));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids, Ids(request.event_ids()));
  return Once<v1::DiscardParkedEventsResponse>(
      room, call, request, [&](db::Connection& connection, v1::DiscardParkedEventsResponse& response) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(const db::Result gone,
                                connection.Exec("DELETE FROM pipeline.subscription_lane" + std::string(kOfParked),
                                                db::Params::Of(key.tenant, key.subscription, ids)));
        response.set_discarded_count(gone.affected());
        return absl::OkStatus();
      });
}

}  // namespace

std::unique_ptr<rpc::Service> MakeSubscriptionService(const EventRoom& room) {
  auto service = std::make_unique<rpc::Service>(v1::GetSubscriptionRequest::descriptor()->file()->service(0));
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*run)(const EventRoom&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(
        method, [&room, run](const CallContext& call, const Request& request) { return run(room, call, request); });
  };
  custom("SeekSubscription", Seek);
  custom("GetSubscriptionStats", Stats);
  custom("ListParkedEvents", ListParked);
  custom("RedriveParkedEvents", Redrive);
  custom("DiscardParkedEvents", Discard);
  custom("RotateSubscriptionSecret", RotateSecret);
  custom("ListDeliveries", ListDeliveries);
  custom("RedeliverEvent", Redeliver);
  room.subscriptions.Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::events
