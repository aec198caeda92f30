#pragma once

#include "common/resource/once.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// resource::Once in the pipeline's schema.
template <class Response, class Request, class Body>
absl::StatusOr<Response> Once(const EventRoom& room, const rpc::CallContext& call, const Request& request,
                              const Body& body, const resource::Kept<Response>& kept = {}) {
  return resource::Once<Response>({"pipeline", room.pool, room.clock}, call, request, body, kept);
}

}  // namespace embudo::pipeline::events
