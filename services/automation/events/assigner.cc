#include "services/automation/events/assigner.h"

#include <map>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "embudo/pipeline/v1/lead_assignment_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/automation/logic/attempts.h"
#include "services/automation/logic/rule.h"
#include "services/automation/storage/rules.h"

namespace embudo::automation::events {
namespace {

using type::v1::Lead;
using v1::Assignment;
using Assign = v1::Action::Assign;

constexpr std::chrono::seconds kCallTimeout{3};
constexpr std::chrono::seconds kStatementTimeout{5};
constexpr char kListLeads[] = "embudo.pipeline.v1.LeadService/ListLeads";
constexpr char kCountOwnerLeads[] = "embudo.pipeline.v1.LeadAssignmentService/CountOwnerLeads";

/// Of a team's name, or of `users/ana`.
storage::Pool PoolOfTarget(const std::string& target) {
  if (target.starts_with("teams/")) return {IdOf(target), {}};
  return {target, {IdOf(target)}};
}

std::string Count(int count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string Why(const logic::Choice& choice, const storage::PoolTurn& turn, Assign::Strategy strategy) {
  const std::string& user = choice.member->user;
  const std::string among =
      std::to_string(choice.eligible_count) + " of " + std::to_string(turn.members.size()) + " could take it";
  switch (strategy) {
    case Assign::STRATEGY_LEAST_LOADED:
      return user + " has the fewest, " + Count(choice.member->open_count, "open lead", "open leads") + "; " + among;
    case Assign::STRATEGY_CAPACITY:
      return user + " has used " + std::to_string(choice.member->month_count) + " of a capacity of " +
             std::to_string(choice.member->capacity) + "; " + among;
    default:
      return user + " is next, in turn " + std::to_string(turn.number) + "; " + among;
  }
}

}  // namespace

struct Assigner::Search {
  db::Connection& connection;
  const rpc::Identity& self;
  const Assign& action;
  const Lead& lead;
  const filter::Resolver resolver;
  v1::AssignmentSettings settings;
  Time now;

  const std::string& tenant() const { return self.tenant; }
};

absl::StatusOr<Assignment> Assigner::Choose(db::Connection& connection, const rpc::Identity& self, const Assign& action,
                                            const Lead& lead, const std::string& cause) {
  Search search{connection, self, action, lead, storage::ResolverOf(connection, self.tenant), {}, clock_.Now()};
  if (action.working_hours()) {
    EMBUDO_ASSIGN_OR_RETURN(search.settings, storage::GetAssignmentSettings(connection, self.tenant));
  }
  EMBUDO_ASSIGN_OR_RETURN(std::optional<Chosen> chosen, Sticky(search));
  if (!chosen) {
    std::string why;
    std::string team;
    EMBUDO_ASSIGN_OR_RETURN(const storage::Pool pool, PoolOf(search, why, team));
    EMBUDO_ASSIGN_OR_RETURN(chosen, FromPool(search, pool, team, why, action.strategy(), action.working_hours()));
    if (!chosen) {
      EMBUDO_ASSIGN_OR_RETURN(chosen, Fallback(search));
    }
    if (!chosen && action.working_hours()) {
      EMBUDO_ASSIGN_OR_RETURN(chosen,
                              FromPool(search, pool, team, why + "nobody is at work; ", action.strategy(), false));
    }
    if (!chosen) {
      const std::string whom = pool.users.empty() ? "teams/" + pool.id : pool.id;
      return Error(absl::StatusCode::kFailedPrecondition, logic::kNoMember, "nobody in " + whom + " can take the lead")
          .Meta("pool", whom);
    }
  }
  v1::AssignmentDecision decision;
  decision.set_name("assignmentDecisions/" + Uuid::V7(search.now).ToString());
  decision.set_lead(lead.name());
  decision.set_owner(chosen->assignment.owner());
  decision.set_team(chosen->assignment.team());
  decision.set_strategy(chosen->strategy);
  decision.set_reason(chosen->assignment.reason());
  decision.set_cause(cause);
  decision.set_state(v1::AssignmentDecision::STATE_DECIDED);
  *decision.mutable_create_time() = ToTimestamp(search.now);
  EMBUDO_RETURN_IF_ERROR(storage::InsertDecisions(connection, self.tenant, {decision}));
  chosen->assignment.set_decision(decision.name());
  return chosen->assignment;
}

absl::StatusOr<std::optional<Assigner::Chosen>> Assigner::Sticky(Search& search) {
  if (!search.action.sticky()) return std::nullopt;
  std::string same;
  const auto add = [&](const char* field, const std::string& value) {
    if (value.empty() || value.find_first_of("\"\\") != std::string::npos) return;
    same += (same.empty() ? "" : " OR ") + std::string(field) + " = \"" + value + "\"";
  };
  add("contact", search.lead.contact());
  add("company", search.lead.company());
  add("email", search.lead.email());
  if (same.empty()) return std::nullopt;
  pipeline::v1::ListLeadsRequest request;
  request.set_filter("is_set(owner) AND (" + same + ")");
  request.set_order_by("assign_time desc");
  request.set_page_size(5);
  for (const char* field : {"owner", "contact", "company", "email"}) request.mutable_read_mask()->add_paths(field);
  EMBUDO_ASSIGN_OR_RETURN(const auto found, pipeline_.Call<pipeline::v1::ListLeadsResponse>(kListLeads, search.self,
                                                                                            request, kCallTimeout));
  for (const Lead& other : found.leads()) {
    if (other.name() == search.lead.name()) continue;
    EMBUDO_ASSIGN_OR_RETURN(const bool usable, storage::IsUsable(search.connection, search.tenant(), other.owner()));
    if (!usable) continue;
    Chosen chosen;
    chosen.strategy = "STICKY";
    chosen.assignment.set_owner(other.owner());
    chosen.assignment.set_team(search.action.team().empty() ? search.lead.team() : search.action.team());
    const bool by_contact = !other.contact().empty() && other.contact() == search.lead.contact();
    const bool by_company = !other.company().empty() && other.company() == search.lead.company();
    chosen.assignment.set_reason(other.owner() + " owns " + other.name() + " of the same " +
                                 (by_contact   ? "contact"
                                  : by_company ? "company"
                                               : "mail address"));
    return chosen;
  }
  return std::nullopt;
}

absl::StatusOr<storage::Pool> Assigner::PoolOf(Search& search, std::string& why, std::string& team) {
  if (search.action.strategy() == Assign::STRATEGY_TERRITORY) {
    EMBUDO_ASSIGN_OR_RETURN(const auto territories, storage::GetTerritories(search.connection, search.tenant()));
    for (const v1::Territory& territory : territories) {
      const auto filter = filter::Filter::Compile(territory.filter(), logic::LeadFields(), search.resolver, "filter");
      if (!filter.ok() || !filter->Matches(search.lead, search.now)) continue;
      why = "it is in " + territory.name() + "; ";
      team = territory.team();
      if (!team.empty()) return storage::Pool{IdOf(team), {}};
      storage::Pool pool{territory.name(), {}};
      for (const std::string& user : territory.users()) pool.users.push_back(IdOf(user));
      return pool;
    }
    why = "it is in no territory; ";
  }
  if (search.action.strategy() == Assign::STRATEGY_SOURCE) {
    const std::string target = logic::TargetOfSource(search.action, search.lead);
    if (!target.empty()) {
      why = "its source goes to " + target + "; ";
      if (target.starts_with("teams/")) team = target;
      return PoolOfTarget(target);
    }
    why = "its source has no route; ";
  }
  team = search.action.team().empty() ? search.lead.team() : search.action.team();
  if (!team.empty()) return storage::Pool{IdOf(team), {}};
  if (!search.action.fallback().empty()) {
    if (search.action.fallback().starts_with("teams/")) team = search.action.fallback();
    why += "it has no team; ";
    return PoolOfTarget(search.action.fallback());
  }
  return Error(absl::StatusCode::kFailedPrecondition, "LEAD_WITHOUT_TEAM", "neither the lead nor the rule has a team");
}

absl::StatusOr<std::optional<Assigner::Chosen>> Assigner::FromPool(Search& search, const storage::Pool& pool,
                                                                   const std::string& team, const std::string& why,
                                                                   Assign::Strategy strategy, bool in_hours) {
  EMBUDO_ASSIGN_OR_RETURN(storage::PoolTurn turn, storage::TakePoolTurn(search.connection, search.tenant(), pool));
  if (strategy == Assign::STRATEGY_LEAST_LOADED || strategy == Assign::STRATEGY_CAPACITY) {
    EMBUDO_RETURN_IF_ERROR(AddLoads(search, team, turn.members));
  }
  const auto choice = logic::Choose(turn.members, search.lead,
                                    {strategy, search.resolver, search.now, in_hours ? &search.settings : nullptr});
  if (!choice) return std::nullopt;
  EMBUDO_RETURN_IF_ERROR(
      storage::RecordPoolTurn(search.connection, search.tenant(), pool, *choice->member, turn.number));
  Chosen chosen;
  chosen.strategy = logic::NameOf(strategy);
  chosen.assignment.set_team(team);
  chosen.assignment.set_owner(choice->member->user);
  chosen.assignment.set_turn(turn.number);
  chosen.assignment.set_eligible_count(choice->eligible_count);
  chosen.assignment.set_member_count(static_cast<int>(turn.members.size()));
  chosen.assignment.set_reason(why + Why(*choice, turn, strategy));
  return chosen;
}

absl::StatusOr<std::optional<Assigner::Chosen>> Assigner::Fallback(Search& search) {
  const std::string& target = search.action.fallback();
  if (target.empty()) return std::nullopt;
  const std::string team = target.starts_with("teams/") ? target : search.lead.team();
  EMBUDO_ASSIGN_OR_RETURN(
      std::optional<Chosen> chosen,
      FromPool(search, PoolOfTarget(target), team, "nobody else could take it; ", Assign::STRATEGY_ROUND_ROBIN, false));
  if (chosen) chosen->strategy = "FALLBACK";
  return chosen;
}

absl::Status Assigner::AddLoads(Search& search, const std::string& team, std::vector<logic::Member>& members) {
  pipeline::v1::CountOwnerLeadsRequest request;
  request.set_team(team);
  std::map<std::string, logic::Member*> by_user;
  std::vector<std::string> users;
  for (logic::Member& member : members) {
    by_user[member.user] = &member;
    users.push_back(member.user);
    request.add_owners(member.user);
  }
  if (users.empty()) return absl::OkStatus();
  // What is decided may be done or not; it counts once.
  EMBUDO_ASSIGN_OR_RETURN(const auto pending,
                          storage::PendingDecisions(search.connection, search.tenant(), users, search.now));
  for (const auto& [owner, lead] : pending) {
    request.add_excluded_leads(lead);
    ++by_user[owner]->open_count;
    ++by_user[owner]->month_count;
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto counted, pipeline_.Call<pipeline::v1::CountOwnerLeadsResponse>(
                                                  kCountOwnerLeads, search.self, request, kCallTimeout));
  for (const auto& load : counted.loads()) {
    by_user[load.owner()]->open_count += load.open_count();
    by_user[load.owner()]->month_count += load.month_count();
  }
  return absl::OkStatus();
}

absl::Status Assigner::Settle(const std::string& tenant, const Assignment& assignment, bool done) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::SettleDecisions(*lease, tenant, {assignment.decision()},
                                  done ? v1::AssignmentDecision::STATE_DONE : v1::AssignmentDecision::STATE_DROPPED);
}

}  // namespace embudo::automation::events
