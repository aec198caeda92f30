#include "services/automation/logic/choose.h"

#include <tuple>

#include "services/automation/logic/rule.h"

namespace embudo::automation::logic {
namespace {

bool CanTake(const Member& member, const type::v1::Lead& lead, const filter::Resolver& resolver, Time now) {
  if (member.paused || member.disabled) return false;
  if (member.assignment_filter.empty()) return true;
  const auto filter = filter::Filter::Compile(member.assignment_filter, LeadFields(), resolver, "assignment_filter");
  return filter.ok() && filter->Matches(lead, now);
}

}  // namespace

std::optional<Choice> ChooseRoundRobin(const std::vector<Member>& members, const type::v1::Lead& lead,
                                       const filter::Resolver& resolver, Time now) {
  Choice choice{nullptr, 0};
  for (const Member& member : members) {
    if (!CanTake(member, lead, resolver, now)) continue;
    ++choice.eligible_count;
    if (choice.member == nullptr || std::tie(member.last_turn, member.membership_id) <
                                        std::tie(choice.member->last_turn, choice.member->membership_id)) {
      choice.member = &member;
    }
  }
  if (choice.member == nullptr) return std::nullopt;
  return choice;
}

}  // namespace embudo::automation::logic
