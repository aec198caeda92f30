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

/// Places of the log that a subscription had still to read and that are no longer kept; 0: there are none.
absl::StatusOr<int64_t> CountExpired(const EventRoom& room, const storage::SubscriptionKey& key);
/// OUT_OF_RANGE, reason CURSOR_EXPIRED, with the earliest cursor and the count of places in the metadata, if there are
/// some: the subscription goes on after a seek.
absl::Status CheckKept(const EventRoom& room, const storage::SubscriptionKey& key);

/// The standard methods' rules: what a subscription may be, and its first places.
resource::Rules SubscriptionRules(const Places& places, const std::function<const filter::Schema&()>& lead_schema,
                                  bool private_push_targets);

}  // namespace embudo::pipeline::events
