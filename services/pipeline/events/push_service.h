#pragma once

#include "absl/status/statusor.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/type/v1/subscription.pb.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// The methods of SubscriptionService that are for webhooks.
absl::StatusOr<v1::RotateSubscriptionSecretResponse> RotateSecret(const EventRoom& room, const rpc::CallContext& call,
                                                                  const v1::RotateSubscriptionSecretRequest& request);
absl::StatusOr<v1::ListDeliveriesResponse> ListDeliveries(const EventRoom& room, const rpc::CallContext& call,
                                                          const v1::ListDeliveriesRequest& request);
absl::StatusOr<v1::RedeliverEventResponse> Redeliver(const EventRoom& room, const rpc::CallContext& call,
                                                     const v1::RedeliverEventRequest& request);

}  // namespace embudo::pipeline::events
