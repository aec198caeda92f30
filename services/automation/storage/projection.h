#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "common/db/connection.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::automation::storage {

/// How many events came, by tenant and type.
using EventCounts = std::map<std::pair<std::string, std::string>, int64_t>;

/// Adds to automation.event_count.
absl::Status AddEventCounts(db::Connection& connection, const EventCounts& counts);

/// Keeps what the event tells of members, users, teams, stages, names and the tenant itself. Leads and what belongs to
/// them are not kept.
absl::Status Project(db::Connection& connection, const type::v1::Event& event);

}  // namespace embudo::automation::storage
