#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/filter/schema.h"
#include "common/rpc/service.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/events/cursor.h"
#include "services/pipeline/events/hub.h"

namespace embudo::pipeline::events {

/// What the event streams stand on.
struct EventRoom {
  Hub& hub;
  /// Empty until the installation's key has been read.
  std::function<std::shared_ptr<const CursorCodec>()> cursors;
  const filter::Schema& lead_schema;
  /// Whether a caller may be told an event.
  std::function<bool(const rpc::CallContext&, const type::v1::Event&)> may_see;
  const Clock& clock;
};

/// EventService: Tail.
std::unique_ptr<rpc::Service> MakeEventService(const EventRoom& room);

}  // namespace embudo::pipeline::events
