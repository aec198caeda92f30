#include "services/scoring/logic/frequency.h"

#include <gmock/gmock.h>

namespace embudo::scoring::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Contribution Won(std::string team, std::vector<Couple> couples) { return {true, std::move(team), std::move(couples)}; }
Contribution Lost(std::string team, std::vector<Couple> couples) {
  return {false, std::move(team), std::move(couples)};
}

const Couple kWeb{"source", "web"};
const Couple kFair{"source", "fair"};

TEST(FrequencyTable, ANewRowHasATenthInBothColumns) {
  FrequencyTable table;
  table.Add(Won("", {kWeb}));
  EXPECT_THAT(table.rows(), ElementsAre(Pair(RowKey{"", kWeb}, Counts{1.1, 0.1})));
}

TEST(FrequencyTable, TwoWinsAndALossReadTwoPointOneAndOnePointOne) {
  FrequencyTable table;
  table.Add(Won("a", {kWeb}));
  table.Add(Lost("a", {kWeb}));
  table.Add(Won("a", {kWeb}));
  EXPECT_THAT(table.rows(), ElementsAre(Pair(RowKey{"a", kWeb}, Counts{2.1, 1.1})));
}

TEST(FrequencyTable, TeamsHaveRowsOfTheirOwn) {
  FrequencyTable table;
  table.Add(Won("a", {kWeb}));
  table.Add(Won("", {kWeb}));
  EXPECT_EQ(table.rows().size(), 2);
}

TEST(FrequencyTable, SubtractingLeavesTheTenth) {
  FrequencyTable table;
  table.Add(Won("", {kWeb}));
  table.Subtract(Won("", {kWeb}));
  EXPECT_THAT(table.rows(), ElementsAre(Pair(RowKey{"", kWeb}, Counts{0.1, 0.1})));
}

TEST(FrequencyTable, ACountThatWouldBecomeZeroOrLessIsATenth) {
  FrequencyTable table;
  table.Put({"", kWeb}, {1, 3});
  table.Subtract(Won("", {kWeb}));
  EXPECT_EQ(table.rows().at({"", kWeb}), (Counts{0.1, 3}));
  table.Subtract(Won("", {kWeb}));
  EXPECT_EQ(table.rows().at({"", kWeb}), (Counts{0.1, 3}));
}

TEST(FrequencyTable, SubtractingNeverMakesARow) {
  FrequencyTable table;
  table.Subtract(Won("", {kWeb}));
  EXPECT_TRUE(table.rows().empty());
  EXPECT_TRUE(table.changed().empty());
}

TEST(FrequencyTable, CountsStayExactOverManyChanges) {
  FrequencyTable table;
  for (int i = 0; i < 100000; ++i) table.Add(Won("", {kWeb}));
  for (int i = 0; i < 99999; ++i) table.Subtract(Won("", {kWeb}));
  EXPECT_EQ(table.rows().at({"", kWeb}), (Counts{1.1, 0.1}));
}

TEST(FrequencyTable, KnowsWhatWasChanged) {
  FrequencyTable table;
  table.Put({"", kFair}, {4.1, 0.1});
  table.Add(Lost("a", {kWeb}));
  EXPECT_THAT(table.changed(), UnorderedElementsAre(RowKey{"a", kWeb}));
}

// Odoo's rule for a deleted team: where both have a row, the counts are rounded to whole ones and added; where only the
// team has one, it goes over as it is; rows that count nothing are dropped.
TEST(FrequencyTable, ADissolvedTeamsRowsGoToThoseOfNone) {
  const Couple email{"email_quality", ""};
  FrequencyTable table;
  table.Put({"", kWeb}, {2.1, 0.1});
  table.Put({"", email}, {0.1, 0.1});
  table.Put({"a", kWeb}, {3.1, 0.1});
  table.Put({"a", kFair}, {1.1, 2.1});
  table.Put({"a", email}, {0.1, 0.1});
  table.Put({"b", kWeb}, {7.1, 7.1});
  table.DissolveTeam("a");
  EXPECT_THAT(table.rows(), ElementsAre(Pair(RowKey{"", email}, Counts{0.1, 0.1}),  //
                                        Pair(RowKey{"", kFair}, Counts{1.1, 2.1}),  //
                                        Pair(RowKey{"", kWeb}, Counts{5, 0.1}),     //
                                        Pair(RowKey{"b", kWeb}, Counts{7.1, 7.1})));
  EXPECT_THAT(table.changed(), UnorderedElementsAre(RowKey{"", kWeb}, RowKey{"", kFair}, RowKey{"a", kWeb},
                                                    RowKey{"a", kFair}, RowKey{"a", email}));
}

}  // namespace
}  // namespace embudo::scoring::logic
