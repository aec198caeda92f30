#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/filter/event_filter.h"
#include "embudo/type/v1/subscription.pb.h"
#include "services/pipeline/events/event_room.h"
#include "services/pipeline/events/session.h"

namespace embudo::pipeline::events {

/// A subscription as those who read it need it.
struct Reading {
  type::v1::Subscription record;
  storage::SubscriptionKey key;
  Session::Settings settings;
  std::shared_ptr<const filter::EventFilter> filter;
};

/// NOT_FOUND if it is not there. Asks the database.
absl::StatusOr<Reading> ReadSubscription(const EventRoom& room, const rpc::CallContext& call, const std::string& name);
/// What the record says.
absl::StatusOr<Reading> ReadingOf(const EventRoom& room, const std::string& tenant,
                                  const type::v1::Subscription& record);

/// The standard methods' rules: what a subscription may be, and its first places.
resource::Rules SubscriptionRules(const Places& places, const std::function<const filter::Schema&()>& lead_schema,
                                  bool private_push_targets);

}  // namespace embudo::pipeline::events
