#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "embudo/automation/v1/assignment.pb.h"
#include "embudo/automation/v1/rule.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::automation::logic {

/// A member of a team, or a user whom a territory or a route names, as the automation service knows it from events.
struct Member {
  std::string membership_id;  ///< empty of one that is in no team
  std::string user;           ///< `users/{user}`
  std::string assignment_filter;
  bool paused = false;
  bool disabled = false;
  int64_t last_turn = 0;  ///< the turn in which it was last chosen; 0: never
  int capacity = 0;
  std::string time_zone;
  /// Open leads, and those of the last 30 days, with what is decided and not yet done; for the strategies that ask.
  int open_count = 0;
  int month_count = 0;
};

struct Choice {
  const Member* member;
  int eligible_count;
};

/// Whom a choice may fall on.
struct Choosing {
  v1::Action::Assign::Strategy strategy = v1::Action::Assign::STRATEGY_ROUND_ROBIN;
  const filter::Resolver& resolver;
  Time now;
  /// Only people who are at work; nullptr: at any hour.
  const v1::AssignmentSettings* hours = nullptr;
};

/// Of the members that can take the lead, the one that the strategy prefers, and among equals the one whose last turn
/// is longest ago, ties by membership id and user. Unlike a counter modulo the number of members, this stays fair when
/// filters leave different members out of each turn. Nullopt if nobody can take it. An assignment filter that does not
/// compile matches nothing.
std::optional<Choice> Choose(const std::vector<Member>& members, const type::v1::Lead& lead, const Choosing& choosing);

/// Round robin, at any hour.
inline std::optional<Choice> ChooseRoundRobin(const std::vector<Member>& members, const type::v1::Lead& lead,
                                              const filter::Resolver& resolver, Time now) {
  return Choose(members, lead, {v1::Action::Assign::STRATEGY_ROUND_ROBIN, resolver, now});
}

/// Where a lead goes by its source: the target of the first route that matches; empty if none does.
std::string TargetOfSource(const v1::Action::Assign& action, const type::v1::Lead& lead);

/// The strategy's name without its prefix: `ROUND_ROBIN`.
std::string NameOf(v1::Action::Assign::Strategy strategy);

/// INVALID_ARGUMENT for an action that could never choose: a target that is neither a team nor a user, routes without
/// the strategy that they are of. `path` is that of the action in the request.
absl::Status CheckAssign(const v1::Action::Assign& action, const std::string& path);

}  // namespace embudo::automation::logic
