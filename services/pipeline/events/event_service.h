#pragma once

#include <memory>

#include "common/rpc/service.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// EventService: Tail, Consume, ListEvents, ListEventTypes.
std::unique_ptr<rpc::Service> MakeEventService(const EventRoom& room);
/// SubscriptionService.
std::unique_ptr<rpc::Service> MakeSubscriptionService(const EventRoom& room);

/// The parts of them, each in its file.
std::shared_ptr<rpc::StreamHandler> MakeTail(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream);
std::shared_ptr<rpc::StreamHandler> MakeConsume(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream);
absl::StatusOr<v1::ListEventsResponse> ListEvents(const EventRoom& room, const rpc::CallContext& call,
                                                  const v1::ListEventsRequest& request);
absl::StatusOr<v1::ListEventTypesResponse> ListEventTypes();

}  // namespace embudo::pipeline::events
