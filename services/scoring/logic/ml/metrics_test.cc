#include "services/scoring/logic/ml/metrics.h"

#include <gmock/gmock.h>

#include <cmath>

#include "services/scoring/logic/ml/champion.h"
#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::ml {
namespace {

using ::testing::ElementsAre;

TEST(MetricsTest, AucCountsPairsInTheRightOrderAndTiesAsHalf) {
  // Pairs (won, lost): 0.9 over 0.4 and 0.8; 0.4 ties 0.4, below 0.8: 2.5 of 4.
  EXPECT_DOUBLE_EQ(Auc({0.9, 0.4, 0.4, 0.8}, {1, 1, 0, 0}), 2.5 / 4);
  EXPECT_DOUBLE_EQ(Auc({0.1, 0.2, 0.3}, {0, 0, 1}), 1);
  EXPECT_DOUBLE_EQ(Auc({0.5, 0.5, 0.5}, {0, 1, 0}), 0.5);
}

TEST(MetricsTest, AucOfOneClassOrNothingIsAGuess) {
  EXPECT_DOUBLE_EQ(Auc({0.1, 0.9}, {1, 1}), 0.5);
  EXPECT_DOUBLE_EQ(Auc({}, {}), 0.5);
}

TEST(MetricsTest, LogLossAndBrierAreMeans) {
  EXPECT_DOUBLE_EQ(LogLoss({0.8, 0.25}, {1, 0}), (-std::log(0.8) - std::log(0.75)) / 2);
  EXPECT_DOUBLE_EQ(Brier({0.8, 0.25}, {1, 0}), (0.04 + 0.0625) / 2);
}

TEST(MetricsTest, CertaintyThatIsWrongIsDearButFinite) {
  EXPECT_NEAR(LogLoss({0, 1}, {1, 0}), -std::log(kTiny), 1e-6);
  EXPECT_TRUE(std::isfinite(Logit(0)));
  EXPECT_DOUBLE_EQ(Sigmoid(0), 0.5);
  EXPECT_NEAR(Sigmoid(Logit(0.3)), 0.3, 1e-12);
}

TEST(MetricsTest, EceIsTheMeanDistanceOfTheBins) {
  // Bin 0.1-0.2: two rows, said 0.15, happened 0.5. Bin 0.9-1: two rows, said 0.95, happened 1.
  const Scores said = {0.1, 0.2 - 1e-9, 0.9, 1.0};
  EXPECT_NEAR(Ece(said, {0, 1, 1, 1}), (2 * 0.35 + 2 * 0.05) / 4, 1e-6);
  const auto curve = CalibrationCurve(said, {0, 1, 1, 1});
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[1].rows, 2U);
  EXPECT_DOUBLE_EQ(curve[1].lower, 0.9);
  EXPECT_DOUBLE_EQ(curve[1].predicted, 0.95);
  EXPECT_DOUBLE_EQ(curve[1].observed, 1);
}

TEST(ChampionTest, GainIsTheMeanOfThePairedDifferencesWithItsError) {
  // Differences 1, 3: mean 2, deviation sqrt(2), error 1.
  const Gain gain = GainOf({1, 1}, {2, 4});
  EXPECT_DOUBLE_EQ(gain.mean, 2);
  EXPECT_DOUBLE_EQ(gain.standard_error, 1);
}

TEST(ChampionTest, TheSimplestWithinNoiseIsTaken) {
  const Scores simple = {0.5, 0.6, 0.5, 0.6};
  const Scores hardly = {0.5, 0.5, 0.6, 0.5};  // better by 0.025, error 0.048
  const Scores clearly = {0.1, 0.2, 0.1, 0.2};
  EXPECT_EQ(SimplestWithinNoise({simple, hardly}, 1), 0U);
  EXPECT_EQ(SimplestWithinNoise({simple, hardly}, 0), 1U);
  EXPECT_EQ(SimplestWithinNoise({simple, hardly, clearly}, 1), 2U);
}

TEST(SplitsTest, EveryRowIsHeldOutOnceAndClassesAreBalanced) {
  Labels labels(100);
  for (size_t i = 0; i < 20; ++i) labels[i] = 1;
  const auto splits = StratifiedFolds(AllRows(100), labels, 5);
  ASSERT_EQ(splits.size(), 5U);
  std::vector<int> seen(100);
  for (const Split& split : splits) {
    EXPECT_EQ(split.train.size() + split.held_out.size(), 100U);
    EXPECT_DOUBLE_EQ(RateOf(Pick(labels, split.held_out)), 0.2);
    for (const uint32_t row : split.held_out) ++seen[row];
  }
  EXPECT_THAT(seen, ::testing::Each(1));
  EXPECT_EQ(splits[0].held_out, StratifiedFolds(AllRows(100), labels, 5)[0].held_out);
}

TEST(SplitsTest, ARareClassMakesFewerParts) {
  Labels labels(50);
  labels[3] = labels[7] = labels[9] = 1;
  EXPECT_EQ(StratifiedFolds(AllRows(50), labels, 5).size(), 3U);
  EXPECT_EQ(StratifiedFolds(AllRows(50), Labels(50), 5).size(), 5U);
}

TEST(SplitsTest, TheNewestPartIsTheLast) {
  const Split split = NewestPart({4, 2, 0, 1, 3}, 0.4);
  EXPECT_THAT(split.train, ElementsAre(4, 2, 0));
  EXPECT_THAT(split.held_out, ElementsAre(1, 3));
}

TEST(SplitsTest, RowsOfOneGroupAreNotParted) {
  const Split split = NewestPart({0, 1, 2, 3, 4}, 0.4, {7, 7, 8, 8, 9});
  EXPECT_THAT(split.train, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(split.held_out, ElementsAre(4));
}

}  // namespace
}  // namespace embudo::scoring::ml
