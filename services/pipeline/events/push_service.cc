#include "services/pipeline/events/push_service.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/event/event.h"
#include "common/http/webhook_signature.h"
#include "common/resource/page.h"
#include "services/pipeline/events/once.h"
#include "services/pipeline/storage/subscription_store.h"

namespace embudo::pipeline::events {
namespace {

using rpc::CallContext;

/// How long a secret signs beside the one that took its place.
constexpr std::chrono::hours kOverlap{24};

/// The id of a subscription that is pushed.
absl::StatusOr<std::string> IdOfPushed(const EventRoom& room, const CallContext& call, const std::string& name) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, room.subscriptions.Load(call, name));
  if (!static_cast<const type::v1::Subscription&>(*record.message).push_uri().empty()) return std::string(IdOf(name));
  return Error(absl::StatusCode::kFailedPrecondition, "NOT_PUSHED", name + " is not pushed: it has no push_uri")
      .Violation("SUBSCRIPTION", name, "has no push_uri")
      .ToStatus();
}

/// The secrets that sign for a subscription, as they are shown.
absl::StatusOr<std::vector<std::string>> SecretsOf(db::Connection& connection, const std::string& tenant,
                                                   const std::string& id) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT secret FROM pipeline.subscription_secret WHERE tenant_id = $1 AND subscription_id = $2",
                      db::Params::Of(tenant, id)));
  std::vector<std::string> secrets;
  for (int i = 0; i < rows.size(); ++i) secrets.push_back(http::ShowSecret(rows[i].Bytes(0)));
  return secrets;
}

}  // namespace

absl::StatusOr<v1::RotateSubscriptionSecretResponse> RotateSecret(const EventRoom& room, const CallContext& call,
                                                                  const v1::RotateSubscriptionSecretRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfPushed(room, call, request.name()));
  const auto rotate = [&](db::Connection& connection, v1::RotateSubscriptionSecretResponse& response) -> absl::Status {
    const std::string secret = http::NewSecret();
    const Time now = room.clock.Now();
    const Time end = now + kOverlap;
    // Of those before, the last signs on for a day; older ones are gone.
    EMBUDO_RETURN_IF_ERROR(connection
                               .Exec("DELETE FROM pipeline.subscription_secret WHERE tenant_id = $1"
                                     " AND subscription_id = $2 AND expire_time IS NOT NULL",
                                     db::Params::Of(call.tenant(), id))
                               .status());
    EMBUDO_ASSIGN_OR_RETURN(const db::Result before,
                            connection.Exec("UPDATE pipeline.subscription_secret SET expire_time = $3"
                                            " WHERE tenant_id = $1 AND subscription_id = $2",
                                            db::Params::Of(call.tenant(), id, end)));
    if (before.affected() > 0) *response.mutable_previous_expire_time() = ToTimestamp(end);
    response.set_secret(http::ShowSecret(secret));
    return connection
        .Exec(
            "INSERT INTO pipeline.subscription_secret (tenant_id, subscription_id, secret, create_time)"
            " VALUES ($1, $2, $3, $4)",
            db::Params::Of(call.tenant(), id).AddBytes(secret).Add(now))
        .status();
  };
  using Response = v1::RotateSubscriptionSecretResponse;
  return Once<Response>(
      room, call, request, rotate,
      resource::WithoutSecret<Response>(request.name(), [tenant = call.tenant(), id](db::Connection& connection) {
        return SecretsOf(connection, tenant, id);
      }));
}

absl::StatusOr<v1::ListDeliveriesResponse> ListDeliveries(const EventRoom& room, const CallContext& call,
                                                          const v1::ListDeliveriesRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfPushed(room, call, request.name()));
  const int size = resource::PageSize(request);
  db::Params params = db::Params::Of(call.tenant(), id, size + 1);
  std::string where;
  const auto add = [&](const std::string& condition, const std::string& value) {
    params.Add(value);
    where += " AND " + condition + " $" + std::to_string(params.size()) + "::uuid";
  };
  if (!request.event_id().empty()) {
    if (!Uuid::Parse(request.event_id())) return InvalidField("event_id", "is no id of an event");
    add("event_id =", request.event_id());
  }
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> values,
                            resource::ReadPageToken(request.page_token(), resource::QueryHash(call, request), 1));
    add("delivery_id <", values[0]);
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(room.pool, call.tenant(), call.deadline,
               "SELECT event_id, attempt, time, status_code, error, duration_ms, next_time, delivery_id"
               " FROM pipeline.push_delivery WHERE tenant_id = $1 AND subscription_id = $2" +
                   where + " ORDER BY delivery_id DESC LIMIT $3::int",
               params));
  v1::ListDeliveriesResponse response;
  for (int i = 0; i < std::min(rows.size(), size); ++i) {
    v1::PushDelivery& delivery = *response.add_deliveries();
    delivery.set_event_id(std::string(rows[i].Text(0)));
    delivery.set_attempt(static_cast<int>(rows[i].Int(1)));
    *delivery.mutable_time() = ToTimestamp(rows[i].TimeAt(2));
    delivery.set_status_code(static_cast<int>(rows[i].Int(3)));
    delivery.set_error(std::string(rows[i].Text(4)));
    delivery.set_duration_ms(static_cast<int>(rows[i].Int(5)));
    if (!rows[i].IsNull(6)) *delivery.mutable_next_time() = ToTimestamp(rows[i].TimeAt(6));
  }
  if (rows.size() > size) {
    response.set_next_page_token(
        resource::MakePageToken(resource::QueryHash(call, request), {std::string(rows[size - 1].Text(7))}));
  }
  return response;
}

absl::StatusOr<v1::RedeliverEventResponse> Redeliver(const EventRoom& room, const CallContext& call,
                                                     const v1::RedeliverEventRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const std::string id, IdOfPushed(room, call, request.name()));
  if (!Uuid::Parse(request.event_id())) return InvalidField("event_id", "is no id of an event");
  // From the log, as the worker: it may be of a day whose events only that role reads.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result found,
                          db::Exec(room.hub.pool(), "", call.deadline,
                                   "SELECT d.partition, d.position, l.data FROM pipeline.push_delivery d"
                                   " JOIN pipeline.event_log l USING (partition, position) WHERE d.tenant_id = $1"
                                   " AND d.subscription_id = $2 AND d.event_id = $3::uuid AND l.tenant_id = $1 LIMIT 1",
                                   db::Params::Of(call.tenant(), id, request.event_id())));
  if (found.empty()) {
    return Error(absl::StatusCode::kNotFound, "EVENT_NOT_FOUND",
                 "event_id: no attempt at this event is kept, or the event is not")
        .Field("event_id", "no attempt at this event is kept")
        .ToStatus();
  }
  const auto partition = static_cast<int>(found[0].Int(0));
  type::v1::Event event;
  event::ParseStored(found[0].Bytes(2), partition, found[0].Int(1), &event);
  storage::LaneRow row;
  row.partition = partition;
  row.position = event.position();
  row.event_id = event.id();
  row.partition_key = event.partition_key();
  row.data = event.SerializeAsString();
  row.redriven = true;
  row.first_time = room.clock.Now();
  row.next_time = row.first_time;
  return Once<v1::RedeliverEventResponse>(
      room, call, request, [&](db::Connection& connection, v1::RedeliverEventResponse&) -> absl::Status {
        EMBUDO_ASSIGN_OR_RETURN(const event::Epoch epoch, storage::EpochOf(connection, {call.tenant(), id}));
        storage::LaneRow put = row;
        if (!epoch.Contains(row.partition)) {
          // Of an earlier epoch: a place in this one that is its own.
          put.partition = epoch.PartitionOf(event::HashOf(call.tenant(), row.partition_key));
          put.position = row.position - (int64_t{row.partition + 1} << 40);
        }
        return storage::PutAgain(connection, {call.tenant(), id}, put);
      });
}

}  // namespace embudo::pipeline::events
