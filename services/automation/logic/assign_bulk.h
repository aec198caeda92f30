#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "embudo/automation/v1/assignment_service.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::automation::logic {

/// A member of a team in a bulk assignment.
struct BulkMember {
  /// `users/{user}`
  std::string user;
  /// What the member can take now.
  int quota = 0;
  /// Leads that the member takes; nullopt: all.
  std::optional<filter::Filter> filter;
};

struct BulkTeam {
  /// `teams/{team}`
  std::string name;
  /// What the teams share leads by: the sum of the members' capacities.
  int64_t capacity = 0;
  std::optional<filter::Filter> filter;
  std::vector<BulkMember> members;
};

/// One lead that somebody gets.
struct BulkAssignment {
  const type::v1::Lead* lead;
  std::string team;
  std::string owner;
  std::string reason;
};

struct BulkPlan {
  std::vector<BulkAssignment> assignments;
  /// Candidates, what each team and member gets, and what is left.
  v1::AssignLeadsSummary summary;
};

/// A member's quota as Odoo has it: a thirtieth of the capacity, rounded half up, less what was given in the last 24
/// hours. Or the whole capacity, less what was given in the last 30 days. Never negative.
int QuotaOf(int capacity, int day_count, int month_count, bool full_capacity);

/// Who gets which lead. Leads without a team go to teams first: the next lead that a team's filter matches goes to the
/// team that has the fewest for its capacity, until the leads or what the teams can take are used up. Then those of
/// each team go to its members, the most probable first, each to the first in the row who takes it; whoever got one
/// goes to the end of the row. Leads of one mail address stay together, whatever the quota. `leads` are in the order of
/// their importance; ties between teams and members are broken by `seed`. What nobody can take stays as it is.
BulkPlan PlanBulk(const std::vector<type::v1::Lead>& leads, std::vector<BulkTeam> teams, int64_t seed, Time now);

}  // namespace embudo::automation::logic
