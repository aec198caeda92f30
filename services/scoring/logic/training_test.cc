#include "services/scoring/logic/training.h"

#include <gmock/gmock.h>

#include <random>

namespace embudo::scoring::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

/// Leads of three teams, of which each industry is won nine times in ten or once in ten. `alike`: the same in all
/// teams, else drawn for each.
std::vector<TrainingRow> ThreeTeams(size_t leads, bool alike) {
  std::mt19937 random(11);
  // Where teams differ, more than the trees of all teams tell apart team by team.
  const int kinds = alike ? 24 : 48;
  const std::vector<std::string> teams = {"north", "south", "west"};
  std::map<std::string, std::vector<bool>> good;
  std::vector<bool> same;
  for (int i = 0; i < kinds; ++i) same.push_back(random() % 2 == 0);
  for (const std::string& team : teams) {
    for (int i = 0; i < kinds; ++i) good[team].push_back(alike ? same[static_cast<size_t>(i)] : random() % 2 == 0);
  }
  std::vector<TrainingRow> rows;
  for (uint32_t i = 0; i < leads; ++i) {
    // The west is too small for a model of its own.
    const std::string& team = random() % 10 == 0 ? teams[2] : teams[random() % 2];
    const size_t industry = random() % static_cast<size_t>(kinds);
    TrainingRow row;
    row.cells = {{"team", "teams/" + team}, {"industry", "industry " + std::to_string(industry)}};
    row.won = (random() % 10 == 0) != good[team][industry];
    row.lead = i;
    row.team = team;
    rows.push_back(std::move(row));
  }
  return rows;
}

TEST(Train, TeamsThatDifferAreGivenModelsOfTheirOwn) {
  v1::TrainingRun run;
  run.set_name("trainingRuns/r");
  const auto trained = Train(ThreeTeams(3000, /*alike=*/false), run, [] { return false; });
  ASSERT_TRUE(trained.ok()) << trained.status();
  EXPECT_THAT(run.teams(), ElementsAre("teams/north", "teams/south"));
  EXPECT_THAT(trained->teams, ElementsAre(Key("north"), Key("south")));
  type::v1::Lead lead;
  for (const auto& [team, artifact] : trained->teams) {
    lead.set_team("teams/" + team);
    EXPECT_EQ(&trained->For(lead), &artifact);
  }
  lead.set_team("teams/west");
  EXPECT_EQ(&trained->For(lead), &trained->all);
  lead.clear_team();
  EXPECT_EQ(&trained->For(lead), &trained->all);
}

TEST(Train, TeamsThatAreAlikeShareTheModelOfAll) {
  v1::TrainingRun run;
  const auto trained = Train(ThreeTeams(3000, /*alike=*/true), run, [] { return false; });
  ASSERT_TRUE(trained.ok()) << trained.status();
  EXPECT_THAT(run.teams(), IsEmpty());
  EXPECT_THAT(trained->teams, IsEmpty());
  EXPECT_NE(run.champion(), "prior");
}

TEST(Train, StopsBetweenTheSteps) {
  for (const int after : {0, 1, 2}) {
    v1::TrainingRun run;
    int asked = 0;
    const auto trained = Train(ThreeTeams(1500, /*alike=*/false), run, [&] { return asked++ == after; });
    EXPECT_EQ(trained.status().code(), absl::StatusCode::kCancelled) << after;
  }
}

}  // namespace
}  // namespace embudo::scoring::logic
