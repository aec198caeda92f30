#include "services/automation/logic/assign_bulk.h"

#include <algorithm>
#include <list>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "common/base/ids.h"

namespace embudo::automation::logic {
namespace {

using type::v1::Lead;
using v1::AssignLeadsSummary;

/// Leads that go to one member together; the first of them stands for all.
struct Group {
  std::vector<const Lead*> leads;
  bool taken = false;

  double Probability() const {
    double most = 0;
    for (const Lead* lead : leads) most = std::max(most, lead->probability());
    return most;
  }
  int Size() const { return static_cast<int>(leads.size()); }
};

/// A number that is the same for the same seed and name, and no order that anybody chose.
uint32_t Lot(int64_t seed, const std::string& name) { return Crc32c(name, static_cast<uint32_t>(seed * 2654435761)); }

bool Takes(const std::optional<filter::Filter>& filter, const Lead& lead, Time now) {
  return !filter || filter->Matches(lead, now);
}

/// What a team is given in the course of the plan.
struct Seat {
  BulkTeam* team;
  uint32_t lot = 0;
  int64_t room = 0;
  int64_t allocated = 0;
  size_t next = 0;
  std::vector<Group*> groups;
};

class Planner {
 public:
  Planner(const std::vector<Lead>& leads, std::vector<BulkTeam>& teams, int64_t seed, Time now)
      : seed_(seed), now_(now) {
    GroupLeads(leads);
    for (BulkTeam& team : teams) {
      Seat& seat = seats_.emplace_back();
      seat.team = &team;
      seat.lot = Lot(seed, team.name);
      for (const BulkMember& member : team.members) seat.room += member.quota;
    }
    plan_.summary.set_candidates(static_cast<int>(leads.size()));
  }

  BulkPlan Run() {
    SeatOwnLeads();
    Allocate();
    for (Seat& seat : seats_) GiveToMembers(seat);
    const int assigned = static_cast<int>(plan_.assignments.size());
    plan_.summary.set_assigned(assigned);
    plan_.summary.set_left(plan_.summary.candidates() - assigned);
    return std::move(plan_);
  }

 private:
  void GroupLeads(const std::vector<Lead>& leads) {
    std::unordered_map<std::string, Group*> by_email;
    for (const Lead& lead : leads) {
      Group*& group = by_email[lead.email()];
      if (lead.email().empty() || group == nullptr) group = &groups_.emplace_back();
      group->leads.push_back(&lead);
    }
  }

  /// The team that a group is in already; the first of its leads that has one decides.
  static std::string TeamOf(const Group& group) {
    for (const Lead* lead : group.leads) {
      if (!lead->team().empty()) return lead->team();
    }
    return "";
  }

  void SeatOwnLeads() {
    std::map<std::string, Seat*> by_name;
    for (Seat& seat : seats_) by_name[seat.team->name] = &seat;
    for (Group& group : groups_) {
      const std::string team = TeamOf(group);
      if (team.empty()) {
        free_.push_back(&group);
      } else if (const auto seat = by_name.find(team); seat != by_name.end()) {
        seat->second->groups.push_back(&group);
        seat->second->room -= group.Size();
      }
    }
  }

  /// Less for its capacity than another; of equals, the one that the lot falls on.
  static bool Before(const Seat& a, const Seat& b) {
    const int64_t left = a.allocated * b.team->capacity;
    const int64_t right = b.allocated * a.team->capacity;
    return left != right ? left < right : std::tie(a.lot, a.team->name) < std::tie(b.lot, b.team->name);
  }

  void Allocate() {
    std::list<Seat*> drawing;
    for (Seat& seat : seats_) {
      if (seat.team->capacity > 0 && seat.room > 0) drawing.push_back(&seat);
    }
    while (!drawing.empty()) {
      const auto turn =
          std::min_element(drawing.begin(), drawing.end(), [](const Seat* a, const Seat* b) { return Before(*a, *b); });
      Seat& seat = **turn;
      while (seat.next < free_.size() &&
             (free_[seat.next]->taken || !Takes(seat.team->filter, *free_[seat.next]->leads[0], now_))) {
        ++seat.next;
      }
      if (seat.next == free_.size() || seat.room <= 0) {
        drawing.erase(turn);
        continue;
      }
      Group& group = *free_[seat.next];
      group.taken = true;
      seat.groups.push_back(&group);
      seat.allocated += group.Size();
      seat.room -= group.Size();
    }
  }

  void GiveToMembers(Seat& seat) {
    AssignLeadsSummary::TeamShare& share = *plan_.summary.add_teams();
    share.set_team(seat.team->name);
    share.set_allocated(static_cast<int>(seat.allocated));
    // Those that were in the team and those that came to it, the most probable first.
    std::stable_sort(seat.groups.begin(), seat.groups.end(),
                     [](const Group* a, const Group* b) { return a->Probability() > b->Probability(); });
    struct Place {
      BulkMember* member;
      AssignLeadsSummary::MemberShare* share;
      int left;
    };
    std::list<Place> row;
    for (BulkMember& member : seat.team->members) {
      auto* of_member = share.add_members();
      of_member->set_user(member.user);
      of_member->set_quota(member.quota);
    }
    for (int i = 0; i < share.members_size(); ++i) {
      BulkMember& member = seat.team->members[static_cast<size_t>(i)];
      if (member.quota > 0) row.push_back({&member, share.mutable_members(i), member.quota});
    }
    row.sort([&](const Place& a, const Place& b) {
      if (a.left != b.left) return a.left > b.left;
      const auto lots = std::pair(Lot(seed_, a.member->user), Lot(seed_, b.member->user));
      return lots.first != lots.second ? lots.first < lots.second : a.member->user < b.member->user;
    });
    for (const Group* group : seat.groups) {
      const auto place = std::find_if(row.begin(), row.end(), [&](const Place& each) {
        return Takes(each.member->filter, *group->leads[0], now_);
      });
      if (place == row.end()) continue;
      Give(*group, seat, *place->member, place->left);
      share.set_assigned(share.assigned() + group->Size());
      place->share->set_assigned(place->share->assigned() + group->Size());
      place->left -= group->Size();
      if (place->left > 0) {
        row.splice(row.end(), row, place);
      } else {
        row.erase(place);
      }
    }
  }

  void Give(const Group& group, const Seat& seat, const BulkMember& member, int left) {
    std::string reason = group.taken ? seat.team->name + " had the fewest for its capacity of " +
                                           std::to_string(seat.team->capacity) + "; "
                                     : "it was in " + seat.team->name + "; ";
    reason += member.user + " was next, with " + std::to_string(left) + " left of " + std::to_string(member.quota);
    for (const Lead* lead : group.leads) {
      const bool first = lead == group.leads[0];
      plan_.assignments.push_back(
          {lead, seat.team->name, member.user, first ? reason : reason + "; with " + group.leads[0]->name()});
    }
  }

  const int64_t seed_;
  const Time now_;
  std::list<Group> groups_;
  std::vector<Group*> free_;
  std::list<Seat> seats_;
  BulkPlan plan_;
};

}  // namespace

int QuotaOf(int capacity, int day_count, int month_count, bool full_capacity) {
  const int quota = full_capacity ? capacity - month_count : (capacity + 15) / 30 - day_count;
  return std::max(quota, 0);
}

BulkPlan PlanBulk(const std::vector<Lead>& leads, std::vector<BulkTeam> teams, int64_t seed, Time now) {
  return Planner(leads, teams, seed, now).Run();
}

}  // namespace embudo::automation::logic
