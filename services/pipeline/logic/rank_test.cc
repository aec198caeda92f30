#include "services/pipeline/logic/rank.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "common/base/ids.h"

namespace embudo::pipeline::logic {
namespace {

using std::chrono::microseconds;

const Time kNow = Time(microseconds(1'780'000'000'000'000));

std::string NewId() { return Uuid::V7(kNow).ToString(); }

TEST(RankTest, LaterOnesComeFirst) {
  const std::string id = "0190b0c0-0000-7000-8000-00000000beef";
  EXPECT_EQ(FreshRank(kNow, id), "9ad19744cbfffbeef");
  EXPECT_LT(FreshRank(kNow + microseconds(1), id), FreshRank(kNow, id));
  EXPECT_LT(FreshRank(kNow + std::chrono::hours(24 * 365 * 50), id), FreshRank(kNow, id));
  EXPECT_EQ(FreshRank(Time(microseconds(0)), id).size(), FreshRank(kNow + std::chrono::hours(700'000), id).size());
}

TEST(RankTest, IsStrictlyBetween) {
  const std::string id = NewId();
  for (const auto& [after, before] : std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                                                      {"", "1"},
                                                                                      {"", "000z"},
                                                                                      {"a", ""},
                                                                                      {"zzzzzzzz", ""},
                                                                                      {"zzzzzzzzzz", ""},
                                                                                      {"a", "b"},
                                                                                      {"az", "b"},
                                                                                      {"azzz", "b"},
                                                                                      {"a", "a00g"},
                                                                                      {"a01", "a02"},
                                                                                      {"9ad5e", "9ad5e0000i"}}) {
    const auto rank = RankBetween(after, before, id);
    ASSERT_TRUE(rank.has_value()) << after << " " << before;
    EXPECT_GT(*rank, after);
    if (!before.empty()) {
      EXPECT_LT(*rank, before);
    }
    EXPECT_GE(rank->back(), 'g');
  }
}

TEST(RankTest, TellsWhereThereIsNoRoom) {
  EXPECT_EQ(RankBetween("a", "a", NewId()), std::nullopt);
  EXPECT_EQ(RankBetween("a", "a00", NewId()), std::nullopt);
  EXPECT_EQ(RankBetween("b", "a", NewId()), std::nullopt);
}

TEST(RankTest, TwoLeadsAtOnePlaceGetDifferentRanks) {
  std::set<std::string> ranks;
  for (int i = 0; i < 100; ++i) ranks.insert(*RankBetween("a", "b", NewId()));
  EXPECT_GE(ranks.size(), 98u);
}

TEST(RankTest, ThousandsOfInsertionsKeepTheOrderAndStayShort) {
  std::mt19937 random(20260501);
  // The ranks in their order, each inserted at a place of its own.
  std::vector<std::string> ranks;
  for (int i = 0; i < 200; ++i) ranks.push_back(FreshRank(kNow - std::chrono::seconds(i), NewId()));
  for (int i = 0; i < 5000; ++i) {
    const size_t at = std::uniform_int_distribution<size_t>(0, ranks.size())(random);
    const std::string after = at == 0 ? "" : ranks[at - 1];
    const std::string before = at == ranks.size() ? "" : ranks[at];
    const auto rank = RankBetween(after, before, NewId());
    ASSERT_TRUE(rank.has_value()) << after << " " << before;
    ranks.insert(ranks.begin() + static_cast<std::ptrdiff_t>(at), *rank);
  }
  EXPECT_TRUE(std::is_sorted(ranks.begin(), ranks.end()));
  EXPECT_EQ(std::adjacent_find(ranks.begin(), ranks.end()), ranks.end());
  size_t longest = 0;
  for (const std::string& rank : ranks) longest = std::max(longest, rank.size());
  EXPECT_LE(longest, 20u);
}

TEST(RankTest, InsertionsAtOnePlaceGrowSlowly) {
  const std::string top = FreshRank(kNow, NewId());
  const std::string end = FreshRank(kNow - std::chrono::seconds(1), NewId());
  std::string always_before = end;
  std::string always_after = top;
  std::string at_the_end = end;
  for (int i = 0; i < 1000; ++i) {
    always_before = *RankBetween(top, always_before, NewId());
    always_after = *RankBetween(always_after, end, NewId());
    at_the_end = *RankBetween(at_the_end, "", NewId());
  }
  EXPECT_LE(always_before.size(), 270u);
  EXPECT_LE(always_after.size(), 270u);
  EXPECT_LE(at_the_end.size(), 11u);
}

}  // namespace
}  // namespace embudo::pipeline::logic
