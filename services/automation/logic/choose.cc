#include "services/automation/logic/choose.h"

#include <tuple>

#include "common/base/error.h"
#include "common/base/resource_name.h"
#include "common/text/unicode.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/working_hours.h"

namespace embudo::automation::logic {
namespace {

using Assign = v1::Action::Assign;

bool CanTake(const Member& member, const type::v1::Lead& lead, const Choosing& choosing, bool at_any_hour) {
  if (member.paused || member.disabled) return false;
  if (!at_any_hour && !IsAtWork(*choosing.hours, member.time_zone, choosing.now)) return false;
  if (choosing.strategy == Assign::STRATEGY_CAPACITY && member.month_count >= member.capacity) return false;
  if (member.assignment_filter.empty()) return true;
  const auto filter =
      filter::Filter::Compile(member.assignment_filter, LeadFields(), choosing.resolver, "assignment_filter");
  return filter.ok() && filter->Matches(lead, choosing.now);
}

/// Smaller is preferred; turns decide among equals.
bool IsBefore(const Member& a, const Member& b, Assign::Strategy strategy) {
  if (strategy == Assign::STRATEGY_LEAST_LOADED && a.open_count != b.open_count) return a.open_count < b.open_count;
  if (strategy == Assign::STRATEGY_CAPACITY) {
    const int64_t left = int64_t{a.month_count} * b.capacity;
    const int64_t right = int64_t{b.month_count} * a.capacity;
    if (left != right) return left < right;
  }
  return std::tie(a.last_turn, a.membership_id, a.user) < std::tie(b.last_turn, b.membership_id, b.user);
}

std::optional<Choice> ChooseAt(const std::vector<Member>& members, const type::v1::Lead& lead, const Choosing& choosing,
                               bool at_any_hour) {
  Choice choice{nullptr, 0};
  for (const Member& member : members) {
    if (!CanTake(member, lead, choosing, at_any_hour)) continue;
    ++choice.eligible_count;
    if (choice.member == nullptr || IsBefore(member, *choice.member, choosing.strategy)) choice.member = &member;
  }
  if (choice.member == nullptr) return std::nullopt;
  return choice;
}

absl::Status CheckTarget(const std::string& target, const std::string& path) {
  static const ResourcePattern team("teams/{team}");
  static const ResourcePattern user("users/{user}");
  if (team.Match(target) || user.Match(target)) return absl::OkStatus();
  return InvalidField(path, "is neither teams/{team} nor users/{user}");
}

}  // namespace

std::optional<Choice> Choose(const std::vector<Member>& members, const type::v1::Lead& lead, const Choosing& choosing) {
  return ChooseAt(members, lead, choosing, choosing.hours == nullptr);
}

std::string TargetOfSource(const Assign& action, const type::v1::Lead& lead) {
  const auto matches = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || text::ToLower(wanted) == text::ToLower(value);
  };
  for (const auto& route : action.sources()) {
    if (matches(route.source(), lead.source()) && matches(route.medium(), lead.medium()) &&
        matches(route.campaign(), lead.campaign())) {
      return route.target();
    }
  }
  return "";
}

std::string NameOf(Assign::Strategy strategy) {
  if (strategy == Assign::STRATEGY_UNSPECIFIED) strategy = Assign::STRATEGY_ROUND_ROBIN;
  return Assign::Strategy_Name(strategy).substr(std::string_view("STRATEGY_").size());
}

absl::Status CheckAssign(const Assign& action, const std::string& path) {
  const bool by_source = action.strategy() == Assign::STRATEGY_SOURCE;
  if (by_source && action.sources().empty()) return InvalidField(path + ".sources", "is required by this strategy");
  if (!by_source && !action.sources().empty()) return InvalidField(path + ".sources", "is of STRATEGY_SOURCE only");
  for (int i = 0; i < action.sources_size(); ++i) {
    EMBUDO_RETURN_IF_ERROR(
        CheckTarget(action.sources(i).target(), path + ".sources[" + std::to_string(i) + "].target"));
  }
  if (action.fallback().empty()) return absl::OkStatus();
  return CheckTarget(action.fallback(), path + ".fallback");
}

}  // namespace embudo::automation::logic
