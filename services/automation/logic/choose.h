#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::automation::logic {

/// A member of a team, as the automation service knows it from events.
struct Member {
  std::string membership_id;
  std::string user;  ///< `users/{user}`
  std::string assignment_filter;
  bool paused = false;
  bool disabled = false;
  int64_t last_turn = 0;  ///< the turn in which it was last chosen; 0: never
};

struct Choice {
  const Member* member;
  int eligible_count;
};

/// Round robin among the members that can take the lead: the one whose last turn is longest ago, ties by membership id.
/// Unlike a counter modulo the number of members, this stays fair when filters leave different members out of each
/// turn. Nullopt if nobody can take it. An assignment filter that does not compile matches nothing.
std::optional<Choice> ChooseRoundRobin(const std::vector<Member>& members, const type::v1::Lead& lead,
                                       const filter::Resolver& resolver, Time now);

}  // namespace embudo::automation::logic
