#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/filter/event_filter.h"
#include "common/resource/resource.h"
#include "common/rpc/call_context.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/events/cursor.h"
#include "services/pipeline/events/hub.h"
#include "services/pipeline/events/places.h"

namespace embudo::pipeline::events {

/// What the event streams stand on.
struct EventRoom {
  Hub& hub;
  /// nullptr until the installation's key has been read.
  std::function<std::shared_ptr<const CursorCodec>()> cursors;
  resource::Resource& leads;
  /// Whether a caller may be told an event. May ask the database, whose errors it returns.
  std::function<absl::StatusOr<bool>(const rpc::CallContext&, const type::v1::Event&)> may_see;
  /// Whether a caller may see a lead.
  std::function<bool(const rpc::CallContext&, const type::v1::Lead&)> may_see_lead;
  const Clock& clock;
  const Places& places;
  resource::Resource& subscriptions;
  /// Of the pipeline_rpc role.
  db::Pool& pool;
  metrics::Registry& metrics;

  /// What an event is to a reader.
  enum class Verdict {
    kOther,   ///< another tenant's, or not what the filter asks for
    kShown,   ///< the reader is told it
    kHidden,  ///< the reader asks for it and may not see it
  };
  /// Errors are the database's: the event is to be judged again.
  absl::StatusOr<Verdict> Judge(const rpc::CallContext& call, const filter::EventFilter& filter,
                                const type::v1::Event& event) const;

  /// UNAVAILABLE until the installation's key has been read.
  absl::StatusOr<std::shared_ptr<const CursorCodec>> Cursors() const;
};

}  // namespace embudo::pipeline::events
