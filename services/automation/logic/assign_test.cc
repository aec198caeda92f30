// Who gets which lead: choosing one by one, and planning in bulk.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "common/base/error.h"
#include "services/automation/logic/assign_bulk.h"
#include "services/automation/logic/choose.h"
#include "services/automation/logic/rule.h"
#include "services/automation/logic/working_hours.h"

namespace embudo::automation::logic {
namespace {

using ::testing::HasSubstr;
using Assign = v1::Action::Assign;
using type::v1::Lead;

const Time kMonday = std::chrono::sys_days(std::chrono::year(2026) / 6 / 15) + std::chrono::hours(9);

std::vector<Lead> MakeLeads(int count, int same_address_every = 0) {
  std::vector<Lead> leads;
  for (int i = 0; i < count; ++i) {
    Lead& lead = leads.emplace_back();
    lead.set_name("leads/" + std::to_string(i));
    lead.set_probability(i % 100);
    lead.set_country(i % 2 == 0 ? "ES" : "DE");
    const int address = same_address_every > 0 ? i % same_address_every : i;
    lead.set_email("p" + std::to_string(address) + "@example.com");
  }
  return leads;
}

filter::Filter MakeFilter(const std::string& text) {
  auto filter = filter::Filter::Compile(text, LeadFields(), {}, "filter");
  EXPECT_TRUE(filter.ok()) << filter.status();
  return *std::move(filter);
}

std::vector<BulkTeam> MakeTeams(int teams, int members, int quota) {
  std::vector<BulkTeam> made;
  for (int t = 0; t < teams; ++t) {
    BulkTeam& team = made.emplace_back();
    team.name = "teams/t" + std::to_string(t);
    for (int m = 0; m < members; ++m) {
      team.members.push_back({"users/t" + std::to_string(t) + "m" + std::to_string(m), quota, std::nullopt});
      team.capacity += 30 * quota;
    }
  }
  return made;
}

TEST(Bulk, QuotaIsAThirtiethRoundedHalfUpLessTheDaysLeads) {
  EXPECT_EQ(QuotaOf(30, 0, 0, false), 1);
  EXPECT_EQ(QuotaOf(45, 0, 0, false), 2);
  EXPECT_EQ(QuotaOf(44, 0, 0, false), 1);
  EXPECT_EQ(QuotaOf(14, 0, 0, false), 0);
  EXPECT_EQ(QuotaOf(300, 4, 90, false), 6);
  EXPECT_EQ(QuotaOf(300, 11, 90, false), 0);
  EXPECT_EQ(QuotaOf(300, 4, 90, true), 210);
}

TEST(Bulk, EverybodyGetsTheirQuotaAndNobodyMore) {
  const auto leads = MakeLeads(1000);
  const BulkPlan plan = PlanBulk(leads, MakeTeams(5, 5, 10), 1, kMonday);
  EXPECT_EQ(plan.summary.candidates(), 1000);
  EXPECT_EQ(plan.summary.assigned(), 250);
  EXPECT_EQ(plan.summary.left(), 750);
  for (const auto& team : plan.summary.teams()) {
    EXPECT_EQ(team.assigned(), 50) << team.team();
    for (const auto& member : team.members()) EXPECT_EQ(member.assigned(), 10) << member.user();
  }
  std::set<std::string> seen;
  for (const BulkAssignment& each : plan.assignments) EXPECT_TRUE(seen.insert(each.lead->name()).second);
}

TEST(Bulk, TeamsShareByTheirCapacity) {
  auto teams = MakeTeams(2, 1, 100);
  teams[0].capacity = 1000;
  teams[1].capacity = 3000;
  teams[0].members[0].quota = teams[1].members[0].quota = 1000;
  const auto leads = MakeLeads(400);
  const BulkPlan plan = PlanBulk(leads, teams, 7, kMonday);
  EXPECT_EQ(plan.summary.teams(0).allocated(), 100);
  EXPECT_EQ(plan.summary.teams(1).allocated(), 300);
}

TEST(Bulk, TheSameSeedGivesTheSamePlan) {
  const auto leads = MakeLeads(500);
  const auto owners = [&](int64_t seed) {
    std::map<std::string, std::string> by_lead;
    for (const BulkAssignment& each : PlanBulk(leads, MakeTeams(5, 5, 10), seed, kMonday).assignments) {
      by_lead[each.lead->name()] = each.owner;
    }
    return by_lead;
  };
  EXPECT_EQ(owners(1), owners(1));
  EXPECT_NE(owners(1), owners(2));
}

TEST(Bulk, FiltersOfTeamsAndMembersHold) {
  auto teams = MakeTeams(2, 2, 100);
  teams[0].filter = MakeFilter("country = \"ES\"");
  teams[1].members[0].filter = MakeFilter("probability > 50");
  const auto leads = MakeLeads(100);
  const BulkPlan plan = PlanBulk(leads, teams, 1, kMonday);
  for (const BulkAssignment& each : plan.assignments) {
    EXPECT_TRUE(each.team != "teams/t0" || each.lead->country() == "ES") << each.lead->name();
    EXPECT_TRUE(each.owner != "users/t1m0" || each.lead->probability() > 50) << each.lead->name();
  }
  EXPECT_EQ(plan.summary.assigned(), 100);
}

TEST(Bulk, LeadsOfOneAddressGoToOnePersonAndTheMostProbableFirst) {
  const auto leads = MakeLeads(300, 50);
  const BulkPlan plan = PlanBulk(leads, MakeTeams(3, 3, 20), 3, kMonday);
  std::map<std::string, std::set<std::string>> owners;
  for (const BulkAssignment& each : plan.assignments) owners[each.lead->email()].insert(each.owner);
  for (const auto& [address, of_address] : owners) EXPECT_EQ(of_address.size(), 1u) << address;
  // One team, one member, room for five: those are the most probable.
  const auto hundred = MakeLeads(100);
  for (const BulkAssignment& each : PlanBulk(hundred, MakeTeams(1, 1, 100), 1, kMonday).assignments) {
    EXPECT_THAT(each.reason, HasSubstr("users/t0m0 was next"));
  }
  auto in_team = MakeLeads(100);
  for (Lead& lead : in_team) lead.set_team("teams/t0");
  const BulkPlan best = PlanBulk(in_team, MakeTeams(1, 1, 5), 1, kMonday);
  ASSERT_EQ(best.assignments.size(), 5u);
  for (const BulkAssignment& each : best.assignments) EXPECT_GE(each.lead->probability(), 95);
}

TEST(Bulk, ALeadOfAnotherTeamStaysWhereItIs) {
  auto leads = MakeLeads(4);
  leads[0].set_team("teams/elsewhere");
  leads[1].set_team("teams/t1");
  const BulkPlan plan = PlanBulk(leads, MakeTeams(2, 1, 10), 1, kMonday);
  std::map<std::string, std::string> teams;
  for (const BulkAssignment& each : plan.assignments) teams[each.lead->name()] = each.team;
  EXPECT_EQ(teams.count("leads/0"), 0u);
  EXPECT_EQ(teams["leads/1"], "teams/t1");
  EXPECT_EQ(plan.summary.left(), 1);
}

TEST(Bulk, PlansOfAnySizeKeepTheQuotas) {
  std::mt19937 random(20260615);
  for (int round = 0; round < 200; ++round) {
    auto teams = MakeTeams(1 + static_cast<int>(random() % 5), 1 + static_cast<int>(random() % 5), 0);
    for (BulkTeam& team : teams) {
      team.capacity = 1 + static_cast<int>(random() % 100);
      for (BulkMember& member : team.members) member.quota = static_cast<int>(random() % 10);
    }
    auto leads = MakeLeads(static_cast<int>(random() % 100));
    for (Lead& lead : leads) {
      if (random() % 3 == 0) lead.set_team("teams/t" + std::to_string(random() % 6));
    }
    const BulkPlan plan = PlanBulk(leads, teams, round, kMonday);
    int given = 0;
    for (const auto& team : plan.summary.teams()) {
      for (const auto& member : team.members()) {
        EXPECT_LE(member.assigned(), member.quota());
        given += member.assigned();
      }
    }
    EXPECT_EQ(given, plan.summary.assigned());
    EXPECT_EQ(plan.summary.assigned() + plan.summary.left(), static_cast<int>(leads.size()));
  }
}

std::vector<Member> Three() {
  std::vector<Member> members(3);
  for (int i = 0; i < 3; ++i) {
    members[i].membership_id = std::string(1, static_cast<char>('a' + i));
    members[i].user = "users/" + members[i].membership_id;
    members[i].capacity = 30;
    members[i].last_turn = i + 1;
    members[i].time_zone = "UTC";
  }
  return members;
}

std::string ChosenBy(const std::vector<Member>& members, Assign::Strategy strategy,
                     const v1::AssignmentSettings* hours = nullptr, Time now = kMonday) {
  const filter::Resolver none;
  const auto choice = Choose(members, Lead(), {strategy, none, now, hours});
  return choice ? choice->member->user : "";
}

TEST(Choose, TheStrategyPrefersAndTurnsDecideAmongEquals) {
  auto members = Three();
  members[0].open_count = 5;
  members[1].open_count = 2;
  members[2].open_count = 2;
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_ROUND_ROBIN), "users/a");
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_LEAST_LOADED), "users/b");
  members[0].month_count = 3;
  members[0].capacity = 60;
  members[1].month_count = 2;
  members[2].month_count = 30;
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_CAPACITY), "users/a");
  members[0].month_count = 60;
  members[1].month_count = 30;
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_CAPACITY), "") << "the capacity of all is used up";
}

TEST(Choose, OnlyPeopleAtWorkInTheirOwnTimeZone) {
  v1::AssignmentSettings settings;
  auto& hours = *settings.add_working_hours();
  hours.set_day(google::type::MONDAY);
  hours.mutable_start_time()->set_hours(9);
  hours.mutable_end_time()->set_hours(17);
  auto members = Three();
  members[0].time_zone = "America/New_York";  // 5 in the morning
  members[1].time_zone = "Asia/Tokyo";        // 18 o'clock
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_ROUND_ROBIN, &settings), "users/c");
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_ROUND_ROBIN, &settings, kMonday + std::chrono::hours(8)), "users/a");
  EXPECT_EQ(ChosenBy(members, Assign::STRATEGY_ROUND_ROBIN, &settings, kMonday + std::chrono::hours(48)), "");
  EXPECT_TRUE(CheckTimes(settings).ok());
  hours.mutable_end_time()->set_hours(8);
  EXPECT_THAT(MessageOf(CheckTimes(settings)), HasSubstr("working_hours[0].end_time"));
}

TEST(Choose, SourcesHaveRoutes) {
  Assign action;
  action.set_strategy(Assign::STRATEGY_SOURCE);
  EXPECT_THAT(MessageOf(CheckAssign(action, "a")), HasSubstr("a.sources"));
  auto add = [&](const char* source, const char* campaign, const char* target) {
    auto* route = action.add_sources();
    route->set_source(source);
    route->set_campaign(campaign);
    route->set_target(target);
  };
  add("google", "spring", "users/ana");
  add("google", "", "teams/web");
  Lead lead;
  lead.set_source("google");
  EXPECT_EQ(TargetOfSource(action, lead), "teams/web");
  lead.set_campaign("spring");
  EXPECT_EQ(TargetOfSource(action, lead), "users/ana");
  lead.set_source("fair");
  EXPECT_EQ(TargetOfSource(action, lead), "");
  EXPECT_TRUE(CheckAssign(action, "a").ok());
  add("x", "", "somebody");
  EXPECT_THAT(MessageOf(CheckAssign(action, "a")), HasSubstr("a.sources[2].target"));
}

}  // namespace
}  // namespace embudo::automation::logic
