#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::event {

/// An event as a CloudEvent 1.0 in structured JSON (application/cloudevents+json). Its attributes are the event's, one
/// to one: id, source (`/tenants/{tenant}`), type, subject, time, and the extensions partitionkey, sequence (the
/// position, in 20 digits, so that texts compare as numbers do) and traceparent. `data` is the rest of the event in
/// protobuf's JSON form: the record, what it was before, what changed, who changed it and why.
absl::StatusOr<std::string> ToCloudEvent(const type::v1::Event& event);

}  // namespace embudo::event
