#include "services/scoring/logic/ml/boosting.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "services/scoring/logic/ml/metrics.h"
#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::ml {
namespace {

using ::testing::ElementsAre;

/// A number that decides by itself where it is not missing, and a category that has nothing to say.
struct Sample {
  Dataset data;
  Labels labels;

  explicit Sample(uint32_t rows) {
    data.rows = rows;
    data.columns.resize(2);
    data.columns[0].is_number = true;
    data.columns[1].values = {"x", "y"};
    for (uint32_t i = 0; i < rows; ++i) {
      const uint32_t mixed = (i * 2654435761U) >> 8;
      data.columns[0].numbers.push_back(i % 10 == 9 ? std::numeric_limits<double>::quiet_NaN() : mixed % 100);
      data.columns[1].codes.push_back(static_cast<int32_t>(i % 2));
      labels.push_back(mixed % 100 >= 60 ? 1 : 0);
    }
  }
};

TEST(BoostFeaturesTest, CategoriesOfFewValuesGetAColumnEach) {
  Sample sample(100);
  const BoostFeatures features = BoostFeatures::Fit(sample.data, sample.labels, AllRows(100));
  const Dense dense = features.Apply(sample.data, {0, 1});
  EXPECT_EQ(dense.width, 3U);
  EXPECT_THAT(features.VariableOfColumn(), ElementsAre(0, 1, 1));
  EXPECT_EQ(dense.values[1] + dense.values[2], 1);
  EXPECT_EQ(dense.values[1], dense.values[5]);
}

TEST(BoostFeaturesTest, ManyValuesAreToldByTheirRateAndNotByTheRowsOwnLabel) {
  // 40 values of 10 rows; the class is a coin: a value's own row must not tell its label.
  Dataset data;
  data.rows = 400;
  data.columns.resize(1);
  Labels labels;
  std::mt19937 random(5);
  for (uint32_t i = 0; i < 400; ++i) {
    data.columns[0].codes.push_back(static_cast<int32_t>(i % 40));
    labels.push_back(random() % 2);
  }
  for (int i = 0; i < 40; ++i) data.columns[0].values.push_back("v" + std::to_string(i));
  const Rows rows = AllRows(400);
  const BoostFeatures features = BoostFeatures::Fit(data, labels, rows);
  const auto rates = [&](const Dense& dense) {
    Scores column;
    for (size_t i = 0; i < 400; ++i) column.push_back(dense.values[i * dense.width + dense.width - 2]);
    return column;
  };
  EXPECT_GT(Auc(rates(features.Apply(data, rows)), labels), 0.6);
  EXPECT_LT(Auc(rates(features.ApplyToOwn(data, labels, rows)), labels), 0.55);
  // The pulled rate of v0, by hand: (its wins + 20 * rate) / (10 + 20).
  double wins = 0;
  for (uint32_t i = 0; i < 400; i += 40) wins += labels[i];
  EXPECT_NEAR(rates(features.Apply(data, rows))[0], Logit((wins + 20 * RateOf(labels)) / 30), 1e-5);
}

TEST(BoosterTest, LearnsAStepAndTellsTheSameAgain) {
  Sample sample(1000);
  const Split split = NewestPart(AllRows(1000), 0.3);
  const BoostFeatures features = BoostFeatures::Fit(sample.data, sample.labels, split.train);
  const Dense train = features.Apply(sample.data, split.train);
  const Dense held_out = features.Apply(sample.data, split.held_out);
  const Labels truth = Pick(sample.labels, split.held_out);
  const auto first = Booster::TrainUntilBest(train, Pick(sample.labels, split.train), held_out, truth, {});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto said = first->Predict(held_out);
  ASSERT_TRUE(said.ok());
  EXPECT_GT(Auc(*said, truth), 0.95);
  const auto again = Booster::TrainUntilBest(train, Pick(sample.labels, split.train), held_out, truth, {});
  EXPECT_EQ(*again->Predict(held_out), *said);
  EXPECT_EQ(again->rounds(), first->rounds());
}

TEST(BoosterTest, ContributionsAddUpToThePrediction) {
  Sample sample(500);
  const Rows rows = AllRows(500);
  const BoostFeatures features = BoostFeatures::Fit(sample.data, sample.labels, rows);
  const Dense dense = features.Apply(sample.data, rows);
  const auto booster = Booster::Train(dense, sample.labels, 20, {});
  ASSERT_TRUE(booster.ok());
  const auto parts = booster->Contributions(dense);
  const auto said = booster->Predict(dense);
  ASSERT_TRUE(parts.ok() && said.ok());
  for (const size_t row : {0U, 17U, 499U}) {
    EXPECT_NEAR(std::accumulate((*parts)[row].begin(), (*parts)[row].end(), 0.0), (*said)[row], 1e-4);
    EXPECT_GT(std::abs((*parts)[row][0]), std::abs((*parts)[row][1]));
  }
}

TEST(BoosterTest, IsSavedAndLoadedAndBrokenBytesAreRefused) {
  Sample sample(200);
  const BoostFeatures features = BoostFeatures::Fit(sample.data, sample.labels, AllRows(200));
  const Dense dense = features.Apply(sample.data, AllRows(200));
  const auto booster = Booster::Train(dense, sample.labels, 7, {});
  ASSERT_TRUE(booster.ok());
  const auto bytes = booster->Save();
  ASSERT_TRUE(bytes.ok());
  const auto loaded = Booster::Load(*bytes);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(*loaded->Predict(dense), *booster->Predict(dense));
  EXPECT_EQ(loaded->rounds(), 7);
  EXPECT_EQ(Booster::Load("no trees").status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace embudo::scoring::ml
