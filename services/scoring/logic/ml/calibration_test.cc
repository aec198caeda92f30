#include "services/scoring/logic/ml/calibration.h"

#include <gmock/gmock.h>

#include <random>

#include "services/scoring/logic/ml/metrics.h"

namespace embudo::scoring::ml {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

/// `rows` rows whose true probability is `truth(p)`, p spread over 0-1.
template <class Truth>
void Draw(size_t rows, Truth truth, Scores& said, Labels& labels) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0.02, 0.98);
  for (size_t i = 0; i < rows; ++i) {
    said.push_back(uniform(random));
    labels.push_back(uniform(random) < truth(said.back()) ? 1 : 0);
  }
}

TEST(CalibrationTest, ALevelMovesTheRateAndKeepsTheSlope) {
  // Said 0.2 and 0.8 of as many rows; 0.5 and 0.9412 are the same two, their odds times 4.
  Scores said(100, 0.2);
  said.resize(200, 0.8);
  Labels labels(200);
  for (size_t i = 0; i < 50; ++i) labels[i] = 1;
  for (size_t i = 100; i < 194; ++i) labels[i] = 1;
  const Calibration fitted = FitLevel(said, labels, 0);
  EXPECT_DOUBLE_EQ(fitted.slope, 1);
  EXPECT_NEAR(fitted.Apply(0.2), 0.5, 0.01);
  EXPECT_NEAR(fitted.Apply(0.8), 0.94, 0.01);
}

TEST(CalibrationTest, WhatTheServingModelHasLearnedIsNotMovedTwice) {
  Scores said(1000, 0.2);
  said.resize(2000, 0.8);
  // Less sure, and rarer: 0.2 is 0.3 and 0.8 is 0.6.
  Labels less_sure(2000);
  for (size_t i = 0; i < 300; ++i) less_sure[i] = 1;
  for (size_t i = 1000; i < 1600; ++i) less_sure[i] = 1;
  const Calibration platt = FitPlatt(said, less_sure);
  const Calibration moved = FitMoved(said, less_sure, 0.2);
  EXPECT_NEAR(moved.slope, 1 - 0.8 * (1 - platt.slope), 1e-12);
  EXPECT_NEAR(moved.intercept, 0.8 * platt.intercept, 1e-12);
  // Surer, and more frequent: 0.2 is 0.2 and 0.8 is 0.95. The rate moves, the slope does not.
  Labels surer(2000);
  for (size_t i = 0; i < 200; ++i) surer[i] = 1;
  for (size_t i = 1000; i < 1950; ++i) surer[i] = 1;
  EXPECT_GT(FitPlatt(said, surer).slope, 1.2);
  EXPECT_DOUBLE_EQ(FitMoved(said, surer, 0.2).slope, 1);
  EXPECT_GT(FitMoved(said, surer, 0.2).intercept, 0.3);
}

TEST(CalibrationTest, PlattFindsASlopeAndAnIntercept) {
  // Of the rows said 0.2, 40 of 100 happen; of those said 0.8, 70 of 100. Two points fix the line:
  // slope = (logit 0.7 - logit 0.4) / (logit 0.8 - logit 0.2) = 1.25276 / 2.77259, intercept the mean of the logits.
  Scores said(100, 0.2);
  said.resize(200, 0.8);
  Labels labels(200);
  for (size_t i = 0; i < 40; ++i) labels[i] = 1;
  for (size_t i = 100; i < 170; ++i) labels[i] = 1;
  const Calibration fitted = FitPlatt(said, labels, 0);
  EXPECT_NEAR(fitted.slope, 0.451838, 1e-5);
  EXPECT_NEAR(fitted.intercept, 0.220916, 1e-5);
  EXPECT_NEAR(fitted.Apply(0.2), 0.4, 1e-6);
  EXPECT_NEAR(fitted.Apply(0.8), 0.7, 1e-6);
}

TEST(CalibrationTest, PlattWithoutRowsIsTheIdentity) {
  const Calibration fitted = FitPlatt({}, {}, 20);
  EXPECT_NEAR(fitted.Apply(0.3), 0.3, 1e-9);
}

TEST(CalibrationTest, PlattNeverTurnsTheOrder) {
  const Calibration fitted = FitPlatt({0.1, 0.1, 0.9, 0.9}, {1, 1, 0, 0});
  EXPECT_LT(fitted.Apply(0.1), fitted.Apply(0.9));
}

TEST(CalibrationTest, IsotonicPoolsWhatFalls) {
  // Said 0.1: happened; 0.2 and 0.3: not; 0.4: happened. The first three fall and become one pool: (1 + 0.5) / (3 + 1);
  // the last is (1 + 0.5) / (1 + 1).
  const Calibration fitted = FitIsotonic({0.1, 0.2, 0.3, 0.4}, {1, 0, 0, 1});
  EXPECT_THAT(fitted.y, ElementsAre(DoubleNear(0.375, 1e-12), DoubleNear(0.75, 1e-12)));
  EXPECT_NEAR(fitted.Apply(0.01), 0.375, 1e-9);
  EXPECT_NEAR(fitted.Apply(0.99), 0.75, 1e-9);
  EXPECT_LE(fitted.Apply(0.25), fitted.Apply(0.35));
}

TEST(CalibrationTest, WhatIsRightIsLeftAlone) {
  Scores said;
  Labels labels;
  Draw(
      4000, [](double p) { return p; }, said, labels);
  EXPECT_EQ(ChooseCalibration(said, labels).calibration.kind, Calibration::Kind::kNone);
}

TEST(CalibrationTest, OverconfidenceIsSetRight) {
  Scores said;
  Labels labels;
  Draw(
      4000, [](double p) { return Sigmoid(0.5 * Logit(p) - 0.5); }, said, labels);
  const Chosen chosen = ChooseCalibration(said, labels);
  EXPECT_NE(chosen.calibration.kind, Calibration::Kind::kNone);
  EXPECT_GT(Ece(said, labels), 0.08);
  EXPECT_LT(Ece(chosen.held_out, labels), 0.04);
  EXPECT_LT(LogLoss(chosen.held_out, labels), LogLoss(said, labels));
}

TEST(CalibrationTest, FewRowsAreLeftAlone) {
  EXPECT_EQ(ChooseCalibration({0.9, 0.9, 0.9}, {0, 0, 0}).calibration.kind, Calibration::Kind::kNone);
}

}  // namespace
}  // namespace embudo::scoring::ml
